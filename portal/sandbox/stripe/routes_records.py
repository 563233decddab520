"""Mandates, events and webhook endpoints, and two switches that Stripe does not have."""

import secrets

from portal.sandbox.stripe.calls import Call, Route
from portal.sandbox.stripe.errors import invalid, missing
from portal.sandbox.stripe.methods import end_mandate, renew_card
from portal.sandbox.stripe.objects import API_VERSION, merged_metadata, new_webhook_endpoint
from portal.sandbox.stripe.pages import page, within_created
from portal.sandbox.stripe.parameters import CREATED, PAGE, section, web_address
from portal.sandbox.stripe.store import Object


def retrieve_mandate(call: Call, mandate_id: str) -> Object:
    return call.find("mandate", mandate_id)


def list_events(call: Call) -> Object:
    types = call.parameters.get("types")
    events = call.store.newest("event", call.parameters.get("type"))
    return page(
        call, within_created(call, (each for each in events if types is None or each["type"] in types))
    )


def retrieve_event(call: Call, event_id: str) -> Object:
    return call.find("event", event_id)


def create_endpoint(call: Call) -> Object:
    """The only answer that carries the endpoint's secret."""
    given = call.parameters
    enabled_events = given.get("enabled_events")
    if not given.get("url"):
        raise missing("url")
    if not isinstance(enabled_events, list):
        raise missing("enabled_events")
    if given.get("api_version", API_VERSION) != API_VERSION:
        raise invalid(f"This sandbox sends events of {API_VERSION} only.", "api_version")
    endpoint = new_webhook_endpoint(
        created=call.now,
        url=web_address(given["url"], "url"),
        enabled_events=enabled_events,
        secret=f"whsec_{secrets.token_hex(16)}",
    )
    endpoint["api_version"] = given.get("api_version")
    endpoint["description"] = given.get("description")
    endpoint["metadata"] = merged_metadata({}, section(given, "metadata"))
    call.store.save(endpoint)
    return endpoint


def renew(call: Call, method_id: str) -> Object:
    method = call.find("payment_method", method_id)
    renew_card(call, method)
    return method


def end(call: Call, mandate_id: str) -> Object:
    mandate = call.find("mandate", mandate_id)
    end_mandate(call, mandate)
    return mandate


ROUTES = (
    Route("GET", "/v1/mandates/<mandate_id>", retrieve_mandate),
    Route("GET", "/v1/events/<event_id>", retrieve_event),
    Route("GET", "/v1/events", list_events, PAGE | CREATED | {"type", "types[]"}),
    Route(
        "POST",
        "/v1/webhook_endpoints",
        create_endpoint,
        frozenset({"url", "enabled_events[]", "api_version", "description", "metadata[*]"}),
    ),
    Route("POST", "/v1/sandbox/payment_methods/<method_id>/renew", renew),
    Route("POST", "/v1/sandbox/mandates/<mandate_id>/end", end),
)
