"""Confirming a set-up intent: success, a decline, or a visit to the bank."""

from urllib.parse import urlencode

from portal.sandbox.stripe.calls import Call
from portal.sandbox.stripe.cards import CardRefusal
from portal.sandbox.stripe.errors import RefusedError, card_error, documentation_of, missing
from portal.sandbox.stripe.methods import (
    asks_bank,
    attach,
    change_mandate,
    check_owner,
    create_method,
    end_mandate,
    has_ending_mandate,
    late_course_of,
    refusal_of,
    usable_method,
)
from portal.sandbox.stripe.objects import new_mandate, new_setup_attempt, public_intent
from portal.sandbox.stripe.parameters import section, web_address
from portal.sandbox.stripe.store import Object

CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
AUTHENTICATION_FAILED = "setup_intent_authentication_failure"


def confirm(call: Call, intent: Object) -> None:
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirm")
    method = _chosen_method(call, intent)
    _check_method(call, intent, method)
    _abandon_open_attempt(call, intent)
    attempt = new_setup_attempt(created=call.now, intent=intent, method=method)
    intent |= {"payment_method": method["id"], "latest_attempt": attempt["id"], "last_setup_error": None}
    refusal = refusal_of(method)
    if refusal:
        raise _declined(call, intent, attempt, refusal)
    if asks_bank(method):
        _send_to_bank(call, intent, attempt)
    elif course := late_course_of(method):
        _wait_for_clearing(call, intent, attempt, method, course)
    else:
        _succeed(call, intent, attempt, method)
        if has_ending_mandate(method):
            call.let_happen("end", call.find("mandate", intent["mandate"]))


def answer_of_clearing(call: Call, intent: Object, *, is_approved: bool) -> None:
    """The late answer of a bank; it counts no more once the customer or the set-up is gone."""
    if intent["status"] != "processing":
        return
    attempt = call.find("setup_attempt", intent["latest_attempt"])
    method = call.find("payment_method", intent["payment_method"])
    customer = call.store.find("customer", intent["customer"] or "")
    if is_approved and not (customer or {}).get("deleted"):
        change_mandate(call, call.find("mandate", intent["mandate"]), "active")
        _succeed(call, intent, attempt, method)
    else:
        end_mandate(call, call.find("mandate", intent["mandate"]))
        _fail(call, intent, attempt, _clearing_error(method))


def answer_of_bank(call: Call, intent: Object, *, is_approved: bool) -> None:
    """The outcome of the bank stand-in's two buttons."""
    attempt = call.find("setup_attempt", intent["latest_attempt"])
    method = call.find("payment_method", intent["payment_method"])
    _tell_authentication(attempt, is_approved=is_approved)
    if is_approved:
        _succeed(call, intent, attempt, method)
    else:
        _fail(call, intent, attempt, _authentication_error(method))


def unexpected_state(intent: Object, verb: str) -> RefusedError:
    return RefusedError(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
        code="setup_intent_unexpected_state",
        setup_intent=public_intent(intent),
    )


def _chosen_method(call: Call, intent: Object) -> Object:
    typed = section(call.parameters, "payment_method_data")
    if typed:
        return create_method(call, typed, "payment_method_data.")
    method_id = call.parameters.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise RefusedError(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the "
            "SetupIntent with a payment method and then confirm it again.",
            code="setup_intent_unexpected_state",
        )
    return usable_method(call, method_id)


def _check_method(call: Call, intent: Object, method: Object) -> None:
    if method["type"] not in intent["payment_method_types"]:
        message = f"The payment method type {method['type']} is not allowed for this SetupIntent."
        raise RefusedError(message, code="payment_method_configuration_failures", param="payment_method")
    check_owner(method, intent["customer"])
    automatic = intent["automatic_payment_methods"]
    return_url = call.parameters.get("return_url")
    if return_url:
        web_address(return_url, "return_url")
    elif (automatic and automatic["allow_redirects"] == "always") or asks_bank(method):
        raise RefusedError(
            "This SetupIntent may redirect your customer off of your page, so you must provide a "
            "`return_url`.",
            code="parameter_missing",
            param="return_url",
        )
    has_consent = call.caller.is_public or section(call.parameters, "mandate_data")
    if method["type"] == "sepa_debit" and not has_consent:
        raise missing("mandate_data")


def _abandon_open_attempt(call: Call, intent: Object) -> None:
    if intent["status"] == "requires_action":
        attempt = call.find("setup_attempt", intent["latest_attempt"])
        call.store.save(attempt | {"status": "abandoned"})
        intent["next_action"] = None


def _send_to_bank(call: Call, intent: Object, attempt: Object) -> None:
    query = urlencode({"client_secret": intent["client_secret"]})
    intent["next_action"] = {
        "redirect_to_url": {
            "return_url": call.parameters["return_url"],
            "url": f"{call.origin}/bank/{intent['id']}?{query}",
        },
        "type": "redirect_to_url",
    }
    intent["status"] = attempt["status"] = "requires_action"
    call.store.save(attempt)
    call.store.save(intent)
    call.emit("setup_intent.requires_action", intent)


def _succeed(call: Call, intent: Object, attempt: Object, method: Object) -> None:
    if method["type"] == "sepa_debit" and not intent["mandate"]:
        _give_mandate(call, intent, method, "active")
    if intent["customer"]:
        attach(call, method, intent["customer"])
    attempt["status"] = intent["status"] = "succeeded"
    intent["next_action"] = None
    call.store.save(attempt)
    call.store.save(intent)
    call.emit("setup_intent.succeeded", intent)


def _wait_for_clearing(call: Call, intent: Object, attempt: Object, method: Object, course: str) -> None:
    _give_mandate(call, intent, method, "pending")
    attempt["status"] = intent["status"] = "processing"
    call.store.save(attempt)
    call.store.save(intent)
    call.let_happen(course, intent)


def _give_mandate(call: Call, intent: Object, method: Object, status: str) -> None:
    mandate = new_mandate(method=method, acceptance=_acceptance(call), origin=call.origin, status=status)
    call.store.save(mandate)
    intent["mandate"] = mandate["id"]


def _acceptance(call: Call) -> Object:
    given = section(section(section(call.parameters, "mandate_data"), "customer_acceptance"), "online")
    online = {
        "ip_address": given.get("ip_address", call.caller.address),
        "user_agent": given.get("user_agent", call.caller.user_agent),
    }
    return {"accepted_at": call.now, "online": online, "type": "online"}


def _declined(call: Call, intent: Object, attempt: Object, refusal: CardRefusal) -> RefusedError:
    method = call.find("payment_method", intent["payment_method"])
    setup_error = {
        "code": refusal.code,
        "doc_url": documentation_of(refusal.code),
        "message": refusal.message,
        "payment_method": method,
        "type": "card_error",
    }
    if refusal.decline_code:
        setup_error["decline_code"] = refusal.decline_code
    _fail(call, intent, attempt, setup_error)
    return card_error(
        refusal.message,
        code=refusal.code,
        decline_code=refusal.decline_code,
        payment_method=method,
        setup_intent=public_intent(intent) if call.caller.is_public else intent,
    )


def _fail(call: Call, intent: Object, attempt: Object, setup_error: Object) -> None:
    attempt |= {"status": "failed", "setup_error": setup_error}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "mandate": None,
        "last_setup_error": setup_error,
    }
    call.store.save(attempt)
    call.store.save(intent)
    call.emit("setup_intent.setup_failed", intent)


def _authentication_error(method: Object) -> Object:
    return {
        "code": AUTHENTICATION_FAILED,
        "doc_url": documentation_of(AUTHENTICATION_FAILED),
        "message": "The latest attempt to set up the payment method has failed because authentication "
        "failed.",
        "payment_method": method,
        "type": "invalid_request_error",
    }


def _clearing_error(method: Object) -> Object:
    code = "setup_attempt_failed"
    return {
        "code": code,
        "doc_url": documentation_of(code),
        "message": "The latest attempt to set up the payment method has failed: the bank does not know the "
        "account.",
        "payment_method": method,
        "type": "invalid_request_error",
    }


def _tell_authentication(attempt: Object, *, is_approved: bool) -> None:
    attempt["payment_method_details"]["card"]["three_d_secure"] = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05" if is_approved else None,
        "result": "authenticated" if is_approved else "failed",
        "result_reason": None if is_approved else "rejected",
        "transaction_id": attempt["id"],
        "version": "2.2.0",
    }
