"""New objects with every field they have in Stripe's version 2026-10-28.endive."""

import secrets
import string
from typing import Any

from portal.sandbox.stripe.store import Object

API_VERSION = "2026-10-28.endive"
ENABLED_TYPES = ("card", "sepa_debit")
ADDRESS_LINES = ("city", "country", "line1", "line2", "postal_code", "state")

# The fields of a set-up intent that a publishable key may see.
PUBLIC_INTENT_FIELDS = (
    "id",
    "object",
    "automatic_payment_methods",
    "cancellation_reason",
    "client_secret",
    "created",
    "description",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_types",
    "status",
    "usage",
)


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{random_text(length)}"


def random_text(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def new_customer(*, created: int) -> Object:
    return {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def new_payment_method(*, created: int, method_type: str, details: Object, billing: Object) -> Object:
    address = billing.get("address") or {}
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {line: address.get(line) for line in ADDRESS_LINES},
            "email": billing.get("email"),
            "name": billing.get("name"),
            "phone": billing.get("phone"),
            "tax_id": None,
        },
        method_type: details,
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": method_type,
    }


def new_setup_intent(*, created: int, customer: str | None, usage: str, method_types: list[str]) -> Object:
    intent_id = new_id("seti")
    return {
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{random_text(25)}",
        "created": created,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {name: _options_of(name) for name in method_types},
        "payment_method_types": method_types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": usage,
    }


def new_setup_attempt(*, created: int, intent: Object, method: Object) -> Object:
    return {
        "id": new_id("setatt"),
        "object": "setup_attempt",
        "application": None,
        "created": created,
        "customer": intent["customer"],
        "customer_account": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: _attempt_details(method)},
        "setup_error": None,
        "setup_intent": intent["id"],
        "status": "requires_confirmation",
        "usage": intent["usage"],
    }


def new_mandate(*, method: Object, acceptance: Object, origin: str, status: str) -> Object:
    mandate_id = new_id("mandate")
    reference = random_text(16).upper()
    return {
        "id": mandate_id,
        "object": "mandate",
        "customer_acceptance": acceptance,
        "livemode": False,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {
            "sepa_debit": {"reference": reference, "url": f"{origin}/mandates/{mandate_id}"},
            "type": "sepa_debit",
        },
        "status": status,
        "type": "multi_use",
    }


def new_event(*, created: int, event_type: str, content: Object, request: Object, waiting: int) -> Object:
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": content,
        "livemode": False,
        "pending_webhooks": waiting,
        "request": request,
        "type": event_type,
    }


def new_webhook_endpoint(*, created: int, url: str, enabled_events: list[str], secret: str) -> Object:
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "secret": secret,
        "status": "enabled",
        "url": url,
    }


def public_intent(intent: Object) -> Object:
    return {name: intent[name] for name in PUBLIC_INTENT_FIELDS}


def merged_metadata(old: dict[str, str], new: dict[str, Any]) -> dict[str, str]:
    """An empty value takes its key away, as Stripe has it."""
    return {name: str(value) for name, value in {**old, **new}.items() if value != ""}


def _options_of(method_type: str) -> Object:
    if method_type == "card":
        return {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    return {"mandate_options": {}}


def _attempt_details(method: Object) -> Object:
    if method["type"] != "card":
        return {}
    card = method["card"]
    kept = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    network = {"network": card["brand"], "three_d_secure": None}
    return {name: card[name] for name in kept} | network
