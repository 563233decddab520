"""The life of a payment method: made of a test number, attached once, detached for good."""

import time

from portal.sandbox.stripe.calls import Call, previous_attributes
from portal.sandbox.stripe.cards import (
    CARDS_BY_FINGERPRINT,
    REFUSALS,
    TOKENS,
    CardRefusal,
    card_of_token,
    checked_card,
)
from portal.sandbox.stripe.errors import RefusedError, card_error, invalid, missing
from portal.sandbox.stripe.ibans import COURSES_BY_FINGERPRINT, checked_account
from portal.sandbox.stripe.objects import ENABLED_TYPES, merged_metadata, new_payment_method
from portal.sandbox.stripe.parameters import section
from portal.sandbox.stripe.store import Object

BILLING_PARAMETERS = frozenset(
    {
        "billing_details[email]",
        "billing_details[name]",
        "billing_details[phone]",
        *(
            f"billing_details[address][{line}]"
            for line in ("city", "country", "line1", "line2", "postal_code", "state")
        ),
    }
)
METHOD_PARAMETERS = BILLING_PARAMETERS | {
    "type",
    "allow_redisplay",
    "metadata[*]",
    "card[number]",
    "card[exp_month]",
    "card[exp_year]",
    "card[cvc]",
    "sepa_debit[iban]",
}


def create_method(call: Call, facts: Object, prefix: str = "") -> Object:
    """Check the numbers of a form; `prefix` is where the form sits, for the error's param."""
    method_type = facts.get("type")
    billing = section(facts, "billing_details")
    if method_type == "card":
        if not call.caller.is_public:
            raise _raw_card()
        return _saved(call, facts, checked_card(section(facts, "card")), billing)
    if method_type == "sepa_debit":
        details = checked_account(section(facts, "sepa_debit"))
        for name in ("name", "email"):
            if not billing.get(name):
                raise missing(f"{prefix}billing_details[{name}]")
        return _saved(call, facts, details, billing)
    if not method_type:
        raise missing(f"{prefix}type")
    raise invalid(f"Invalid type: must be one of {', '.join(ENABLED_TYPES)}", f"{prefix}type")


def usable_method(call: Call, method_id: str, param: str = "payment_method") -> Object:
    """Find a method, or make one of a token such as pm_card_visa."""
    if method_id in TOKENS:
        card = checked_card(card_of_token(method_id, time.gmtime(call.now).tm_year))
        return _saved(call, {"type": "card"}, card, {})
    method = call.find("payment_method", method_id, param)
    if call.store.is_spent(method_id):
        raise _unexpected_state(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again."
        )
    return method


def refusal_of(method: Object) -> CardRefusal | None:
    """How the bank answers when this method is set up."""
    if method["type"] != "card":
        return None
    refusal = CARDS_BY_FINGERPRINT[method["card"]["fingerprint"]].refusal
    return REFUSALS[refusal] if refusal else None


def asks_bank(method: Object) -> bool:
    return method["type"] == "card" and CARDS_BY_FINGERPRINT[method["card"]["fingerprint"]].asks_bank


def late_course_of(method: Object) -> str | None:
    """The late answer of a bank: settle or refuse."""
    course = _course_of(method)
    return course if course in {"settle", "refuse"} else None


def has_ending_mandate(method: Object) -> bool:
    return _course_of(method) == "end"


def _course_of(method: Object) -> str | None:
    if method["type"] != "sepa_debit":
        return None
    return COURSES_BY_FINGERPRINT[method["sepa_debit"]["fingerprint"]]


def attach(call: Call, method: Object, customer_id: str) -> None:
    check_owner(method, customer_id)
    if method["customer"] is None:
        method["customer"] = customer_id
        call.store.save(method)
        call.emit("payment_method.attached", method)


def check_owner(method: Object, customer_id: str | None) -> None:
    if method["customer"] not in {None, customer_id}:
        raise _unexpected_state("The payment method you provided has already been attached to a customer.")


def attach_by_hand(call: Call, method: Object, customer_id: str) -> None:
    """Outside of a set-up intent the bank is asked here."""
    if refusal := refusal_of(method):
        raise card_error(refusal.message, code=refusal.code, decline_code=refusal.decline_code)
    attach(call, method, customer_id)


def detach(call: Call, method: Object) -> None:
    """For good; its mandates end with it, and no customer keeps it as the default."""
    customer_id = method["customer"]
    if customer_id is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise _unexpected_state(message)
    method["customer"] = None
    call.store.save(method)
    call.store.spend(method["id"])
    call.emit("payment_method.detached", method, {"customer": customer_id})
    for mandate in list(call.store.newest("mandate", method["id"])):
        end_mandate(call, mandate)
    customer = call.find("customer", customer_id)
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        call.store.save(customer)
        previous = {"invoice_settings": {"default_payment_method": method["id"]}}
        call.emit("customer.updated", customer, previous)


def end_mandate(call: Call, mandate: Object) -> None:
    change_mandate(call, mandate, "inactive")


def change_mandate(call: Call, mandate: Object, status: str) -> None:
    """A mandate that has ended stays so."""
    if mandate["status"] in {"inactive", status}:
        return
    previous = {"status": mandate["status"]}
    mandate["status"] = status
    call.store.save(mandate)
    call.emit("mandate.updated", mandate, previous)


def renew_card(call: Call, method: Object) -> None:
    """The change by a card network's updater when the bank sends a new card."""
    if method["type"] != "card":
        raise invalid("Only a card can be renewed.", "id")
    before = {**method, "card": {**method["card"]}}
    method["card"]["exp_year"] += 3
    call.store.save(method)
    call.emit("payment_method.automatically_updated", method, previous_attributes(before, method))


def _saved(call: Call, facts: Object, details: Object, billing: Object) -> Object:
    method = new_payment_method(created=call.now, method_type=facts["type"], details=details, billing=billing)
    method["allow_redisplay"] = facts.get("allow_redisplay", "unspecified")
    method["metadata"] = merged_metadata({}, section(facts, "metadata"))
    call.store.save(method)
    return method


def _unexpected_state(message: str) -> RefusedError:
    return RefusedError(message, code="payment_method_unexpected_state")


def _raw_card() -> RefusedError:
    return RefusedError(
        "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test "
        "tokens that map to the test card you are using, see https://stripe.com/docs/testing.",
        status=402,
    )
