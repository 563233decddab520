"""Writes of Stripe's answers. Each is safe to repeat; one writer of an organization at a time."""

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import uuid4

from portal.gateways.stripe_shapes import Mandate, Method
from portal.ledger import audit
from portal.models import Organization, PaymentMethod, StripeCall, add_owned, draw, lock
from portal.payment_methods import queries
from portal.payment_methods.queries import REVISION
from portal.storage import db, remove


class StaleError(Exception):
    """Another worker wrote since Stripe was asked, so its answer may be old."""


def remember_customer(organization: Organization, customer_id: str) -> str:
    """Store the customer id of an organization and return the stored one: the first writer's stays."""
    lock(organization.id, REVISION)
    db.session.refresh(organization)
    organization.stripe_customer_id = organization.stripe_customer_id or customer_id
    return organization.stripe_customer_id


def drop_customer(organization: Organization, customer_id: str) -> None:
    """Forget a customer that was deleted at Stripe, with its payment methods; the next one is made anew."""
    _begin_to_write(organization)
    db.session.refresh(organization)
    if organization.stripe_customer_id != customer_id:
        return
    organization.stripe_customer_id = None
    for row in queries.methods_of(organization):
        _remove(row)
    # With the old key Stripe would answer with the old customer.
    for call in db.session.query(StripeCall).filter_by(organization_id=organization.id, kind="customer"):
        call.attempt += 1


def sync_methods(
    organization: Organization,
    methods: Sequence[Method],
    default_id: str | None,
    mandates: Mapping[str, Mandate],
    *,
    revision: int,
    now: dt.datetime,
) -> None:
    """Make our rows what Stripe had at this revision; StaleError if they were written since."""
    if _begin_to_write(organization) != revision + 1:
        raise StaleError
    rows = queries.methods_of(organization)
    kept = {method.id: _row_of(method, rows) for method in methods}
    for row in rows:
        if row not in kept.values():
            _remove(row)
    for method in methods:
        _write(organization, kept[method.id], method, mandates.get(method.id), now)
    _choose(organization, default_id)


def choose_default(organization: Organization, stripe_id: str) -> None:
    """Make a method the default; an unknown method changes nothing."""
    _begin_to_write(organization)
    _choose(organization, stripe_id)


def forget(organization: Organization, stripe_id: str) -> None:
    """Drop a method that Stripe no longer has."""
    _begin_to_write(organization)
    row = queries.method_with_stripe_id(organization, stripe_id)
    if row is not None:
        _remove(row)


def _begin_to_write(organization: Organization) -> int:
    """Lock out every other writer, and return the revision of what is written."""
    return draw(organization.id, REVISION)[0]


def _row_of(method: Method, rows: Sequence[PaymentMethod]) -> PaymentMethod | None:
    """The same card or account, added again, is the same method to us."""
    by_id = (row for row in rows if row.stripe_id == method.id)
    same = (
        row
        for row in rows
        if row.fingerprint is not None
        and (row.payment_type, row.fingerprint) == (method.payment_type, method.fingerprint)
    )
    return next(by_id, None) or next(same, None)


def _write(
    organization: Organization,
    row: PaymentMethod | None,
    method: Method,
    mandate: Mandate | None,
    now: dt.datetime,
) -> None:
    is_new = row is None
    row = row or PaymentMethod(uid=uuid4(), created_at=now, is_default=False)
    before = None if is_new else _facts(row)
    row.stripe_id = method.id
    row.payment_type = method.payment_type
    row.brand, row.last4 = method.brand, method.last4
    row.exp_month, row.exp_year = method.exp_month, method.exp_year
    row.country, row.fingerprint = method.country, method.fingerprint
    if mandate is not None:
        row.mandate_reference, row.mandate_url = mandate.reference, mandate.url
        row.mandate_status = mandate.status
    row.synced_at = now
    if is_new:
        add_owned(organization.id, row)
        audit.record(organization.id, "payment_method.added", row.name, after=_facts(row))
    elif before != _facts(row):
        audit.record(organization.id, "payment_method.changed", row.name, before=before, after=_facts(row))


def _choose(organization: Organization, stripe_id: str | None) -> None:
    rows = queries.methods_of(organization)
    chosen = next((row for row in rows if row.stripe_id == stripe_id), None)
    if chosen is None or chosen.is_default:
        return
    before = next((row.name for row in rows if row.is_default), None)
    for row in rows:
        row.is_default = row is chosen
    audit.record(
        organization.id,
        "payment_method.default_changed",
        chosen.name,
        before={"default": before},
        after={"default": chosen.name, "id": chosen.uid},
    )


def _facts(row: PaymentMethod) -> dict[str, object]:
    """The facts of a method for the audit trail: no digit of a card or an account."""
    return {
        "id": row.uid,
        "payment_type": row.payment_type,
        "brand": row.brand,
        "country": row.country,
        "expires": f"{row.exp_month:02d}/{row.exp_year}" if row.exp_month and row.exp_year else None,
        "mandate": row.mandate_reference,
        "mandate_status": row.mandate_status,
    }


def _remove(row: PaymentMethod) -> None:
    own = PaymentMethod.organization_id == row.organization_id
    remove(PaymentMethod, own & (PaymentMethod.id == row.id))
    db.session.expunge(row)
    audit.record(row.organization_id, "payment_method.removed", row.name, before=_facts(row))
