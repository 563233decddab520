"""Set-up intents: created by the portal, confirmed in the browser, and their attempts."""

import hmac
import re
from typing import Any

from portal.sandbox.stripe.calls import Call, Route
from portal.sandbox.stripe.confirmation import confirm, unexpected_state
from portal.sandbox.stripe.errors import RefusedError, invalid, missing, no_such
from portal.sandbox.stripe.methods import METHOD_PARAMETERS, check_owner, usable_method
from portal.sandbox.stripe.objects import ENABLED_TYPES, merged_metadata, new_setup_intent, public_intent
from portal.sandbox.stripe.pages import page, within_created
from portal.sandbox.stripe.parameters import CREATED, PAGE, is_true, section
from portal.sandbox.stripe.store import Object

ACCEPTANCE = "mandate_data[customer_acceptance]"
CONFIRMING = frozenset(
    {
        "payment_method",
        "return_url",
        "use_stripe_sdk",
        f"{ACCEPTANCE}[type]",
        f"{ACCEPTANCE}[accepted_at]",
        f"{ACCEPTANCE}[online][ip_address]",
        f"{ACCEPTANCE}[online][user_agent]",
        f"{ACCEPTANCE}[online][infer_from_client]",
    }
)
CREATING = CONFIRMING | {
    "allowed_payment_method_types[]",
    "automatic_payment_methods[allow_redirects]",
    "automatic_payment_methods[enabled]",
    "confirm",
    "customer",
    "description",
    "metadata[*]",
    "usage",
}
TYPED = frozenset(
    "payment_method_data" + re.sub(r"^(\w+)", r"[\1]", name) for name in METHOD_PARAMETERS if "*" not in name
)
CONFIGURATION = {"id": "pmc_sandbox", "parent": None}
CANCELLATION_REASONS = ("abandoned", "duplicate", "requested_by_customer")


def create(call: Call) -> Object:
    given = call.parameters
    if given.get("customer"):
        call.find("customer", given["customer"], "customer")
    usage = given.get("usage", "off_session")
    if usage not in {"off_session", "on_session"}:
        raise invalid("Invalid usage: must be one of on_session or off_session", "usage")
    allowed = _allowed_types(given)
    intent = new_setup_intent(
        created=call.now,
        customer=given.get("customer"),
        usage=usage,
        method_types=[each for each in ENABLED_TYPES if allowed is None or each in allowed],
    )
    intent["allowed_payment_method_types"] = allowed
    if allowed is None:
        intent["automatic_payment_methods"] = _automatic(section(given, "automatic_payment_methods"))
        intent["payment_method_configuration_details"] = CONFIGURATION
    intent["description"] = given.get("description")
    intent["metadata"] = merged_metadata({}, section(given, "metadata"))
    call.store.save(intent)
    call.emit("setup_intent.created", intent)
    return _begun(call, intent)


def retrieve(call: Call, intent_id: str) -> Object:
    return _shown(call, _intent(call, intent_id))


def confirm_in_browser(call: Call, intent_id: str) -> Object:
    intent = _intent(call, intent_id)
    confirm(call, intent)
    return _shown(call, intent)


def cancel(call: Call, intent_id: str) -> Object:
    intent = _intent(call, intent_id)
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise unexpected_state(intent, "cancel")
    reason = call.parameters.get("cancellation_reason")
    if reason not in {None, *CANCELLATION_REASONS}:
        message = f"Invalid cancellation_reason: must be one of {', '.join(CANCELLATION_REASONS)}"
        raise invalid(message, "cancellation_reason")
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    call.store.save(intent)
    call.emit("setup_intent.canceled", intent)
    return intent


def list_all(call: Call) -> Object:
    filters = {
        name: call.parameters[name] for name in ("customer", "payment_method") if name in call.parameters
    }
    intents = call.store.newest("setup_intent")
    return page(
        call, within_created(call, (intent for intent in intents if filters.items() <= intent.items()))
    )


def list_attempts(call: Call) -> Object:
    if "setup_intent" not in call.parameters:
        raise missing("setup_intent")
    intent = call.find("setup_intent", call.parameters["setup_intent"], "setup_intent")
    return page(call, within_created(call, call.store.newest("setup_attempt", intent["id"])))


def _intent(call: Call, intent_id: str) -> Object:
    """With a publishable key, the client secret is needed to find it."""
    intent = call.find("setup_intent", intent_id, "intent")
    secret = call.parameters.get("client_secret")
    if secret is None and not call.caller.is_public:
        return intent
    if not hmac.compare_digest(str(secret).encode(), intent["client_secret"].encode()):
        raise no_such("setupintent", intent_id, "intent")
    return intent


def _shown(call: Call, intent: Object) -> Object:
    return public_intent(intent) if call.caller.is_public else intent


def _begun(call: Call, intent: Object) -> Object:
    """Take the payment method it was created with, and confirm at once when asked to."""
    if is_true(call.parameters.get("confirm")):
        confirm(call, intent)
    elif call.parameters.get("payment_method"):
        method = usable_method(call, call.parameters["payment_method"])
        check_owner(method, intent["customer"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        call.store.save(intent)
    return intent


def _allowed_types(given: dict[str, Any]) -> list[str] | None:
    """Types that are not switched on are filtered in silence, as at Stripe; an empty rest is an error."""
    allowed = given.get("allowed_payment_method_types")
    if allowed is None:
        return None
    if "automatic_payment_methods" in given:
        raise invalid(
            "You may only specify one of these parameters: automatic_payment_methods, "
            "allowed_payment_method_types.",
            "allowed_payment_method_types",
        )
    if not isinstance(allowed, list) or not set(allowed) & set(ENABLED_TYPES):
        raise RefusedError(
            "No valid payment method types for this SetupIntent.", param="allowed_payment_method_types"
        )
    return allowed


def _automatic(given: dict[str, Any]) -> Object:
    redirects = given.get("allow_redirects", "always")
    if redirects not in {"always", "never"}:
        name = "automatic_payment_methods[allow_redirects]"
        raise invalid("Invalid allow_redirects: must be one of always or never", name)
    return {"allow_redirects": redirects, "enabled": is_true(given.get("enabled", "true"))}


ROUTES = (
    Route("POST", "/v1/setup_intents", create, CREATING),
    Route("GET", "/v1/setup_intents", list_all, PAGE | CREATED | {"customer", "payment_method"}),
    Route("GET", "/v1/setup_intents/<intent_id>", retrieve, frozenset({"client_secret"}), is_public=True),
    Route(
        "POST",
        "/v1/setup_intents/<intent_id>/confirm",
        confirm_in_browser,
        CONFIRMING | TYPED | {"client_secret"},
        is_public=True,
    ),
    Route("POST", "/v1/setup_intents/<intent_id>/cancel", cancel, frozenset({"cancellation_reason"})),
    Route("GET", "/v1/setup_attempts", list_attempts, PAGE | CREATED | {"setup_intent"}),
)
