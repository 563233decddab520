"""What Stripe told us, written down. Each is safe to repeat; one writer of an organization at a time."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete

from portal.extensions import db
from portal.gateways.stripe_shapes import Method
from portal.models import Organization, PaymentMethod, add_owned
from portal.models.owned import lock
from portal.payment_methods import queries


def remember_customer(organization: Organization, customer_id: str) -> str:
    """Keep who the organization is at Stripe, and return it: whoever came first is right."""
    lock(organization.id, "payment_method")
    db.session.refresh(organization)
    organization.stripe_customer_id = organization.stripe_customer_id or customer_id
    return organization.stripe_customer_id


def record(
    organization: Organization, method: Method, *, mandate_reference: str | None, now: dt.datetime
) -> PaymentMethod:
    """Store a method as Stripe has it, or refresh it; the first one becomes the default."""
    lock(organization.id, "payment_method")
    row = queries.method_with_stripe_id(organization, method.id)
    if row is None:
        is_first = not queries.has_default(organization)
        row = PaymentMethod(stripe_id=method.id, is_default=is_first, created_at=now)
    row.payment_type = method.payment_type
    row.brand, row.last4 = method.brand, method.last4
    row.exp_month, row.exp_year = method.exp_month, method.exp_year
    row.country, row.fingerprint = method.country, method.fingerprint
    row.mandate_reference = mandate_reference or row.mandate_reference
    row.synced_at = now
    return row if row in db.session else add_owned(organization.id, row)


def choose_default(organization: Organization, stripe_id: str) -> None:
    """Let one method come first; one that we do not know changes nothing."""
    lock(organization.id, "payment_method")
    chosen = queries.method_with_stripe_id(organization, stripe_id)
    if chosen is None or chosen.is_default:
        return
    for method in queries.methods_of(organization):
        method.is_default = method is chosen


def forget(organization: Organization, stripe_id: str) -> None:
    """Drop a method that Stripe no longer has."""
    db.session.execute(
        delete(PaymentMethod).where(
            PaymentMethod.organization_id == organization.id, PaymentMethod.stripe_id == stripe_id
        )
    )
