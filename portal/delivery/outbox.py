"""The outbox of legal documents: the delivery columns of the invoices, each change a transaction.

Whoever claims an invoice holds a lease; ids are stored by compare-and-set, so what a slow worker writes
after its lease ran out cannot undo what another has done. An organization's documents are made in the
order of its months: an invoice waits for the earlier ones, unless they are stuck.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Date, Row, case, func, literal, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import aliased

from portal.domain.errors import BillingError
from portal.gateways.invoicing import InvoicingRateLimitedError
from portal.models import Delivery, Invoice, Organization
from portal.storage.database import db, reading

LEASE = dt.timedelta(minutes=5)  # longer than the calls of one delivery can take
RETRY_FIRST = dt.timedelta(minutes=1)
RETRY_MAX = dt.timedelta(hours=6)
ATTEMPTS_MAX = 20  # three days and a half of back-off: then somebody has to look
_DOUBLINGS_MAX = 10
_OPEN = (Delivery.PENDING, Delivery.DRAFTED, Delivery.FINISHED)


class Key(NamedTuple):
    organization_id: int
    invoice_id: int

    @property
    def row(self) -> ColumnElement[bool]:
        return (Invoice.organization_id == self.organization_id) & (Invoice.id == self.invoice_id)


def release_stuck(organization_id: int) -> int:
    """Let the stuck invoices of an organization try again, once their reason is removed; return how many."""
    result = _write(
        (Invoice.organization_id == organization_id) & (Invoice.delivery == Delivery.STUCK),
        delivery=case((Invoice.provider_document_id.is_(None), Delivery.PENDING), else_=Delivery.DRAFTED),
        document_on=case((Invoice.provider_document_id.is_not(None), Invoice.document_on)),
        attempts=0,
        next_attempt_at=None,
        leased_until=None,
    )
    db.session.commit()
    return result


def undelivered() -> Sequence[Row[Organization, Invoice]]:
    """Return the invoices that are stuck, or have failed and wait for their next attempt, oldest first."""
    is_open = Invoice.delivery.in_(_OPEN) & (Invoice.attempts > 0)
    query = (
        select(Organization, Invoice)
        .join(Organization, Organization.id == Invoice.organization_id)
        .where(or_(Invoice.delivery == Delivery.STUCK, is_open))
        .order_by(Invoice.period, Invoice.organization_id)
    )
    return db.session.execute(query).all()


def due(now: dt.datetime, organizations: Collection[int] | None) -> Sequence[Key]:
    """Return what may be tried, each organization's in order; what failed often comes last."""
    query = (
        select(Invoice.organization_id, Invoice.id, Invoice.attempts, _is_in_time(now).label("is_in_time"))
        .where(_is_open(Invoice))
        .order_by(Invoice.organization_id, Invoice.period)
    )
    if organizations is not None:
        query = query.where(Invoice.organization_id.in_(organizations))
    with reading():
        rows = db.session.execute(query).all()
        db.session.commit()
    each_in_order = [
        list(itertools.takewhile(attrgetter("is_in_time"), some))
        for _, some in itertools.groupby(rows, key=attrgetter("organization_id"))
    ]
    waiting = sorted(filter(None, each_in_order), key=lambda some: max(row.attempts for row in some))
    return [Key(row.organization_id, row.id) for some in waiting for row in some]


def _is_open(invoice: type[Invoice]) -> ColumnElement[bool]:
    """Say that a document is to be made. Nothing net can be VAT where months are taxed differently."""
    is_something = or_(invoice.total_cents != 0, invoice.vat_country.is_not(None))
    return invoice.delivery.in_(_OPEN) & is_something


def _is_in_time(at: dt.datetime) -> ColumnElement[bool]:
    return or_(Invoice.next_attempt_at.is_(None), Invoice.next_attempt_at <= at) & or_(
        Invoice.leased_until.is_(None), Invoice.leased_until <= at
    )


def _is_first_of_its_organization() -> ColumnElement[bool]:
    earlier = aliased(Invoice)
    return ~(
        select(earlier.id)
        .where(
            earlier.organization_id == Invoice.organization_id,
            earlier.period < Invoice.period,
            _is_open(earlier),
        )
        .exists()
    )


def claim(key: Key, at: dt.datetime, lease: dt.datetime, *, document_on: dt.date) -> bool:
    """Take an invoice, and fix the day of its document before anybody is told of it."""
    taken = _write(
        key.row & _is_open(Invoice) & _is_in_time(at) & _is_first_of_its_organization(),
        leased_until=lease,
        document_on=func.coalesce(Invoice.document_on, literal(document_on, Date)),
    )
    db.session.commit()
    return taken == 1


def store_document_id(key: Key, document_id: str) -> str | None:
    """Compare and set: return the id that is stored now, which may be another worker's."""
    _write(
        key.row & Invoice.provider_document_id.is_(None),
        provider_document_id=document_id,
        delivery=Delivery.DRAFTED,
        attempts=0,
    )
    stored = db.session.scalar(select(Invoice.provider_document_id).where(key.row))
    db.session.commit()
    return stored


def record(key: Key, document_id: str, **values: Any) -> None:
    """Write how far a document got, unless the invoice has another one by now or is through."""
    is_its_own = Invoice.provider_document_id == document_id
    _write(key.row & is_its_own & (Invoice.delivery != Delivery.DELIVERED), **values)
    db.session.commit()


def holds(key: Key, lease: dt.datetime) -> bool:
    """Tell whether an invoice is still ours: a lease that ran out may be another's by now."""
    with reading():
        query = select(Invoice.id).where(key.row & (Invoice.leased_until == lease))
        is_ours = db.session.scalar(query) is not None
        db.session.commit()
    return is_ours


def try_later(key: Key, lease: dt.datetime, at: dt.datetime, error: BillingError) -> bool:
    """Note why it failed, and when to try again: twice as late each time, or when the provider says.

    What failed too often without getting any further is stuck, and this returns False. A rate limit is
    nobody's failure.
    """
    db.session.rollback()
    if isinstance(error, InvoicingRateLimitedError):
        delay = dt.timedelta(seconds=error.seconds_to_wait)
        give_back(key, lease, last_error=str(error), next_attempt_at=at + delay)
        return True
    attempts = (db.session.scalar(select(Invoice.attempts).where(key.row)) or 0) + 1
    if attempts >= ATTEMPTS_MAX:
        give_up(key, lease, f"It failed {attempts} times, at last like this: {error}")
        return False
    delay = min(RETRY_FIRST * 2 ** min(attempts - 1, _DOUBLINGS_MAX), RETRY_MAX)
    asked = getattr(error, "retry_after_seconds", None)
    if asked:
        delay = max(delay, dt.timedelta(seconds=min(asked, RETRY_MAX.total_seconds())))
    give_back(key, lease, attempts=attempts, last_error=str(error), next_attempt_at=at + delay)
    return True


def give_up(key: Key, lease: dt.datetime, reason: str) -> None:
    """Leave an invoice for somebody to look at."""
    give_back(key, lease, delivery=Delivery.STUCK, attempts=Invoice.attempts + 1, last_error=reason)


def give_back(key: Key, lease: dt.datetime, **values: Any) -> None:
    """End our lease and record, unless somebody else has taken the invoice meanwhile."""
    db.session.rollback()
    _write(
        key.row & (Invoice.leased_until == lease) & Invoice.delivery.in_(_OPEN), leased_until=None, **values
    )
    db.session.commit()


def _write(where: ColumnElement[bool], **values: Any) -> int:
    """Change the outbox columns of the invoices that match, now; return how many did."""
    query = update(Invoice).where(where).values(**values).execution_options(synchronize_session=False)
    result = db.session.execute(query)
    db.session.expire_all()  # rows that were read before may say otherwise
    assert isinstance(result, CursorResult)
    return result.rowcount
