"""Watches the stand-in for Stripe in every test: what it answers, accepts and tells is what Stripe says.

An answer is held against Stripe's public document and against stripe-python; a request that is accepted
has parameters that Stripe's document knows; an event is of a kind that Stripe sends, and so is its object.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask, Response, g, request, request_finished

from portal.sandbox.stripe import calls
from portal.sandbox.stripe.parameters import nested
from tests.sandbox.stripe_document import StripeDocument

DOCUMENT = StripeDocument()
# What only the sandbox has; nothing of Stripe's can be said of it.
SWITCHES = "/v1/sandbox/"
# Faults that leave nothing to be read on purpose.
UNREADABLE = {"reset", "garbled", "lost", "cut", "drip"}


@pytest.fixture(autouse=True)
def deviations_from_stripe(monkeypatch) -> Iterator[list[str]]:
    """Fail the test in which the sandbox deviates, whoever asked it and in whichever thread."""
    found: list[str] = []

    def watch(app: Flask, response: Response, **_: Any) -> None:
        if "stripe_sandbox" in app.extensions and _is_of_stripe(response):
            found.extend(_of_exchange(response))

    make_event = calls.new_event

    def watched_event(**facts: Any) -> dict[str, Any]:
        event = make_event(**facts)
        found.extend(of_event(event))
        return event

    monkeypatch.setattr(calls, "new_event", watched_event)
    with request_finished.connected_to(watch):
        yield found
    assert found == []


def of_event(event: dict[str, Any]) -> Iterator[str]:
    from tests.sandbox import sdk_shapes  # the SDK is slow to import, and few tests need it

    thing = event["data"]["object"]
    yield from DOCUMENT.of_object("event", event)
    yield from DOCUMENT.of_object(thing["object"], thing)
    yield from sdk_shapes.deviations(event)
    if event["type"] not in DOCUMENT.event_types():
        yield f"event: {event['type']} is no event of Stripe's"


def _is_of_stripe(response: Response) -> bool:
    """An address that is not in the API is answered with an error that has no operation."""
    if request.url_rule is None or response.headers.get("Sandbox-Fault") in UNREADABLE:
        return False
    return request.path.startswith("/v1/") and not request.path.startswith(SWITCHES)


def _of_exchange(response: Response) -> Iterator[str]:
    if response.content_type != "application/json":
        yield f"{request.path}: answered with {response.content_type}"
        return
    body = response.get_json()
    is_public = "caller" in g and g.caller.is_public
    if "error" in body:
        yield from _of_error(body, response.status_code, is_public=is_public)
        return
    if is_public:
        yield from _of_browser_request()
    else:
        yield from DOCUMENT.of_request(request.method, request.path, _parameters())
    if is_public and body["object"] == "setup_intent":
        yield from DOCUMENT.of_object("setup_intent", body, is_partial=True)
        return
    from tests.sandbox import sdk_shapes

    yield from DOCUMENT.of_answer(request.method, request.path, response.status_code, body)
    yield from sdk_shapes.deviations(body)


def _of_error(body: dict[str, Any], status: int, *, is_public: bool) -> Iterator[str]:
    """What a publishable key sees of a set-up intent is less than the document has."""
    error = dict(body["error"])
    intent = error.pop("setup_intent", None) if is_public else None
    if intent:
        yield from DOCUMENT.of_object("setup_intent", intent, is_partial=True)
    # For our own frame the status is always 200.
    yield from DOCUMENT.of_answer(request.method, request.path, max(status, 400), {"error": error})


def _of_browser_request() -> Iterator[str]:
    """Stripe.js sends a key, and card numbers as nobody else may: as if it made the method first."""
    parameters = dict(_parameters())
    parameters.pop("key", None)
    typed: Mapping[str, Any] | None = parameters.pop("payment_method_data", None)
    yield from DOCUMENT.of_request(request.method, request.path, parameters)
    if typed:
        yield from DOCUMENT.of_request("POST", "/v1/payment_methods", typed)


def _parameters() -> Mapping[str, Any]:
    source = request.form if request.method == "POST" else request.args
    return nested(list(source.items(multi=True)))
