"""What a request may say about payment methods, and the key that makes asking twice harmless."""

import hashlib
import re
from uuid import UUID

from flask import request

from portal.access.idempotency import key_of_request
from portal.domain.errors import NotFoundError, ValidationError
from portal.models import Account, Organization
from portal.payment_methods.schema import PaymentMethodToAttach
from portal.web.args import parsed
from portal.web.bodies import body_of

_METHOD_ID = re.compile(r"pm_[A-Za-z0-9_]{1,200}")
_SETUP_ID = re.compile(r"seti_[A-Za-z0-9_]{1,200}")


def method_id_of_body() -> str:
    """Read {"payment_method_id": "pm_…"}."""
    text = body_of(PaymentMethodToAttach).payment_method_id
    if not _METHOD_ID.fullmatch(text):
        raise ValidationError({"payment_method_id": ["is not an id of Stripe's such as pm_1PqX…"]})
    return text


def setup_id_of_query() -> str:
    """Read the id of the set-up that a browser comes back from; the rest of its address is not believed."""
    text = request.args.get("setup_intent", "")
    if not _SETUP_ID.fullmatch(text):
        raise NotFoundError
    return text


def successor_of_request() -> UUID | None:
    """Read `new_default`, from a form or a query: the default's successor."""
    text = request.form.get("new_default") or request.args.get("new_default")
    reason = "is not the id of a payment method"
    return parsed("new_default", text, UUID, reason) if text else None


def idempotency_key(organization: Organization, account: Account) -> str | None:
    """Return the key of this request, scoped: the same key of another person means another request."""
    key = key_of_request()
    if key is None:
        return None
    scoped = f"{organization.uid} {account.uid} {key}"
    return hashlib.sha256(scoped.encode()).hexdigest()
