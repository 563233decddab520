"""Payment methods: made in the browser, attached, changed and detached."""

from copy import deepcopy

from portal.sandbox.stripe.calls import Call, Route, previous_attributes
from portal.sandbox.stripe.errors import RefusedError, invalid, missing
from portal.sandbox.stripe.methods import (
    BILLING_PARAMETERS,
    METHOD_PARAMETERS,
    attach_by_hand,
    create_method,
    detach,
    usable_method,
)
from portal.sandbox.stripe.objects import merged_metadata
from portal.sandbox.stripe.parameters import PAGE, section, whole_number
from portal.sandbox.stripe.routes_customers import list_methods
from portal.sandbox.stripe.store import Object

CHANGEABLE = BILLING_PARAMETERS | {"allow_redisplay", "card[exp_month]", "card[exp_year]", "metadata[*]"}


def create(call: Call) -> Object:
    return create_method(call, call.parameters)


def retrieve(call: Call, method_id: str) -> Object:
    return call.find("payment_method", method_id)


def list_of_customer(call: Call) -> Object:
    if "customer" not in call.parameters:
        raise missing("customer")
    return list_methods(call, call.parameters["customer"])


def update(call: Call, method_id: str) -> Object:
    method = call.find("payment_method", method_id)
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise RefusedError(message, code="payment_method_unexpected_state")
    before = deepcopy(method)
    _change(call, method)
    call.store.save(method)
    if previous := previous_attributes(before, method):
        call.emit("payment_method.updated", method, previous)
    return method


def attach(call: Call, method_id: str) -> Object:
    if "customer" not in call.parameters:
        raise missing("customer")
    customer = call.find("customer", call.parameters["customer"], "customer")
    method = usable_method(call, method_id)
    attach_by_hand(call, method, customer["id"])
    return method


def detach_for_good(call: Call, method_id: str) -> Object:
    method = call.find("payment_method", method_id)
    detach(call, method)
    return method


def _change(call: Call, method: Object) -> None:
    given = call.parameters
    method["metadata"] = merged_metadata(method["metadata"], section(given, "metadata"))
    method["allow_redisplay"] = given.get("allow_redisplay", method["allow_redisplay"])
    billing = dict(section(given, "billing_details"))
    method["billing_details"]["address"] |= section(billing, "address")
    billing.pop("address", None)
    method["billing_details"] |= {name: value or None for name, value in billing.items()}
    card = section(given, "card")
    if card and method["type"] != "card":
        raise invalid("You cannot change the card of a payment method that is none.", "card")
    for name, value in card.items():
        method["card"][name] = whole_number(value, f"card[{name}]")


ROUTES = (
    Route("POST", "/v1/payment_methods", create, METHOD_PARAMETERS, is_public=True),
    Route("GET", "/v1/payment_methods", list_of_customer, PAGE | {"customer", "type"}),
    Route("GET", "/v1/payment_methods/<method_id>", retrieve),
    Route("POST", "/v1/payment_methods/<method_id>", update, CHANGEABLE),
    Route("POST", "/v1/payment_methods/<method_id>/attach", attach, frozenset({"customer"})),
    Route("POST", "/v1/payment_methods/<method_id>/detach", detach_for_good),
)
