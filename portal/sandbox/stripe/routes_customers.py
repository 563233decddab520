"""Customers: created, found, changed and deleted."""

from copy import deepcopy

from portal.sandbox.stripe.calls import Call, Route, previous_attributes
from portal.sandbox.stripe.errors import RefusedError, invalid, no_such
from portal.sandbox.stripe.methods import detach
from portal.sandbox.stripe.objects import ADDRESS_LINES, merged_metadata, new_customer
from portal.sandbox.stripe.pages import page, within_created
from portal.sandbox.stripe.parameters import CREATED, PAGE, section
from portal.sandbox.stripe.store import Object

PLAIN_FIELDS = ("description", "email", "name", "phone")
TAX_EXEMPT = ("exempt", "none", "reverse")
DEFAULT_METHOD = "invoice_settings[default_payment_method]"
FIELDS = frozenset(
    {
        *PLAIN_FIELDS,
        *(f"address[{line}]" for line in ADDRESS_LINES),
        "address",
        DEFAULT_METHOD,
        "metadata[*]",
        "preferred_locales[]",
        "tax_exempt",
    }
)


def create(call: Call) -> Object:
    customer = new_customer(created=call.now)
    _change(call, customer)
    call.store.save(customer)
    call.emit("customer.created", customer)
    return customer


def retrieve(call: Call, customer_id: str) -> Object:
    """A deleted customer is still answered, as a stub that says so."""
    stub = call.store.find("customer", customer_id)
    return stub if stub and stub.get("deleted") else call.find("customer", customer_id)


def update(call: Call, customer_id: str) -> Object:
    customer = call.find("customer", customer_id)
    before = deepcopy(customer)
    _change(call, customer)
    call.store.save(customer)
    if previous := previous_attributes(before, customer):
        call.emit("customer.updated", customer, previous)
    return customer


def list_all(call: Call) -> Object:
    customers = call.store.newest("customer", call.parameters.get("email"))
    return page(call, within_created(call, (each for each in customers if not each.get("deleted"))))


def delete(call: Call, customer_id: str) -> Object:
    customer = call.find("customer", customer_id)
    for method in list(call.store.newest("payment_method", customer_id)):
        detach(call, method)
    call.emit("customer.deleted", call.find("customer", customer_id))
    stub = {"id": customer["id"], "object": "customer", "deleted": True}
    call.store.save(stub)
    return stub


def list_methods(call: Call, customer_id: str) -> Object:
    call.find("customer", customer_id, "customer")
    wanted = call.parameters.get("type")
    methods = call.store.newest("payment_method", customer_id)
    return page(call, (each for each in methods if wanted in {None, each["type"]}))


def retrieve_method(call: Call, customer_id: str, method_id: str) -> Object:
    call.find("customer", customer_id, "customer")
    method = call.find("payment_method", method_id, "payment_method")
    if method["customer"] != customer_id:
        raise no_such("PaymentMethod", method_id, "payment_method")
    return method


def _change(call: Call, customer: Object) -> None:
    given = call.parameters
    for name in PLAIN_FIELDS:
        if name in given:
            customer[name] = given[name] or None
    if "address" in given:
        address = section(given, "address")
        customer["address"] = {line: address.get(line) or None for line in ADDRESS_LINES} if address else None
    if "preferred_locales" in given:
        customer["preferred_locales"] = given["preferred_locales"] or []
    if "tax_exempt" in given:
        if given["tax_exempt"] not in TAX_EXEMPT:
            raise invalid(f"Invalid tax_exempt: must be one of {', '.join(TAX_EXEMPT)}", "tax_exempt")
        customer["tax_exempt"] = given["tax_exempt"]
    customer["metadata"] = merged_metadata(customer["metadata"], section(given, "metadata"))
    settings = section(given, "invoice_settings")
    if "default_payment_method" in settings:
        method_id = settings["default_payment_method"] or None
        _check_default(call, customer, method_id)
        customer["invoice_settings"]["default_payment_method"] = method_id


def _check_default(call: Call, customer: Object, method_id: str | None) -> None:
    if method_id is None:
        return
    method = call.find("payment_method", method_id, DEFAULT_METHOD)
    if method["customer"] != customer["id"]:
        raise RefusedError(
            f"The customer does not have a payment method with the ID {method_id}. The payment method "
            "must be attached to the customer.",
            code="resource_missing",
            param=DEFAULT_METHOD,
        )


ROUTES = (
    Route("POST", "/v1/customers", create, FIELDS),
    Route("GET", "/v1/customers", list_all, PAGE | CREATED | {"email"}),
    Route("GET", "/v1/customers/<customer_id>", retrieve),
    Route("POST", "/v1/customers/<customer_id>", update, FIELDS),
    Route("DELETE", "/v1/customers/<customer_id>", delete),
    Route("GET", "/v1/customers/<customer_id>/payment_methods", list_methods, PAGE | {"type"}),
    Route("GET", "/v1/customers/<customer_id>/payment_methods/<method_id>", retrieve_method),
)
