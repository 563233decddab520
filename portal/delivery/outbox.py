"""The outbox of legal documents: the delivery columns of the invoices, each change a transaction.

The worker that claims an invoice holds a lease; ids are stored by compare-and-set, so a late write of a slow
worker, after its lease ran out, cannot undo the work of another. An organization's documents are made in the
order of its months: an invoice waits for the earlier ones, unless they are stuck.
"""

import datetime as dt
import itertools
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import ColumnElement, Date, Row, case, func, literal, or_, select
from sqlalchemy.orm import aliased

from portal.domain.errors import BillingError
from portal.gateways.invoicing import InvoicingRateLimitedError
from portal.models import Delivery, Invoice, Organization
from portal.storage import Backlog, BackOff, LeaseQueue, db, read_transaction

ATTEMPTS_MAX = 20  # three days and a half of back-off: then an operator has to look
_OPEN = (Delivery.PENDING, Delivery.DRAFTED, Delivery.FINISHED)
AFTER_FAILURE = BackOff(first=dt.timedelta(minutes=1), longest=dt.timedelta(hours=6))


class Key(NamedTuple):
    organization_id: int
    invoice_id: int

    @property
    def row(self) -> ColumnElement[bool]:
        return (Invoice.organization_id == self.organization_id) & (Invoice.id == self.invoice_id)


def retry_stuck(organization_id: int) -> int:
    """Let the stuck invoices of an organization try again, once their reason is removed; return how many."""
    result = QUEUE.write(
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


def backlog() -> Backlog:
    """Return the documents that are still to be made; those that are stuck aside."""
    return QUEUE.backlog(Invoice.closed_at)


def stuck_count() -> int:
    """Return how many invoices are left to an operator."""
    query = select(func.count()).select_from(Invoice).where(Invoice.delivery == Delivery.STUCK)
    return db.session.scalar(query) or 0


def due(now: dt.datetime, organizations: Collection[int] | None) -> Sequence[Key]:
    """Return the invoices that are due, each organization's in order; the often failed ones come last."""
    query = (
        select(
            Invoice.organization_id, Invoice.id, Invoice.attempts, QUEUE.is_in_time(now).label("is_in_time")
        )
        .where(_is_open(Invoice))
        .order_by(Invoice.organization_id, Invoice.period)
    )
    if organizations is not None:
        query = query.where(Invoice.organization_id.in_(organizations))
    with read_transaction():
        rows = db.session.execute(query).all()
    by_organization = [
        list(itertools.takewhile(attrgetter("is_in_time"), invoices))
        for _, invoices in itertools.groupby(rows, key=attrgetter("organization_id"))
    ]
    waiting = sorted(filter(None, by_organization), key=lambda rows: max(row.attempts for row in rows))
    return [Key(row.organization_id, row.id) for row in itertools.chain.from_iterable(waiting)]


def _is_open(invoice: type[Invoice]) -> ColumnElement[bool]:
    """Say that a document is to be made. Nothing net can be VAT where months are taxed differently."""
    is_something = or_(invoice.total_cents != 0, invoice.vat_country.is_not(None))
    return invoice.delivery.in_(_OPEN) & is_something


# The lease is longer than the calls of one delivery can take.
QUEUE = LeaseQueue(Invoice, _is_open(Invoice), lease=dt.timedelta(minutes=5))


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


def claim(key: Key, at: dt.datetime, *, document_on: dt.date) -> dt.datetime | None:
    """Take an invoice, fix the day of its document before a provider is told of it, and return the lease."""
    lease = QUEUE.claim(
        key.row & _is_first_of_its_organization(),
        at,
        document_on=func.coalesce(Invoice.document_on, literal(document_on, Date)),
    )
    db.session.commit()
    return lease


def store_document_id(key: Key, document_id: str) -> str | None:
    """Compare and set: return the id that is stored now, which may be another worker's."""
    QUEUE.write(
        key.row & Invoice.provider_document_id.is_(None),
        provider_document_id=document_id,
        delivery=Delivery.DRAFTED,
        attempts=0,
    )
    stored = db.session.scalar(select(Invoice.provider_document_id).where(key.row))
    db.session.commit()
    return stored


def record(key: Key, document_id: str, **values: object) -> None:
    """Write how far a document got, unless the invoice has another one by now or is through."""
    is_its_own = Invoice.provider_document_id == document_id
    QUEUE.write(key.row & is_its_own & (Invoice.delivery != Delivery.DELIVERED), **values)
    db.session.commit()


def holds(key: Key, lease: dt.datetime) -> bool:
    """Tell whether an invoice is still ours: a lease that ran out may be another's by now."""
    with read_transaction():
        query = select(Invoice.id).where(key.row & (Invoice.leased_until == lease))
        return db.session.scalar(query) is not None


def retry_later(key: Key, lease: dt.datetime, at: dt.datetime, error: BillingError) -> bool:
    """Write why an invoice failed, and when it is tried again: twice as late each time, or when told so.

    An invoice that failed too often without getting any further is stuck, and this returns False. A rate
    limit counts as no failure.
    """
    db.session.rollback()
    if isinstance(error, InvoicingRateLimitedError):
        next_attempt_at = at + dt.timedelta(seconds=error.seconds_to_wait)
        give_back(key, lease, last_error=str(error), next_attempt_at=next_attempt_at)
        return True
    failures = db.session.scalar(select(Invoice.attempts).where(key.row)) or 0
    attempts = failures + 1
    if attempts >= ATTEMPTS_MAX:
        give_up(key, lease, f"It failed {attempts} times, at last like this: {error}")
        return False
    delay = max(AFTER_FAILURE.after(failures), _asked_delay(error))
    give_back(key, lease, attempts=attempts, last_error=str(error), next_attempt_at=at + delay)
    return True


def _asked_delay(error: BillingError) -> dt.timedelta:
    """Return how long the provider asked to be left alone, within what a back-off waits at most."""
    seconds = getattr(error, "retry_after_seconds", None) or 0
    return min(dt.timedelta(seconds=seconds), AFTER_FAILURE.longest)


def give_up(key: Key, lease: dt.datetime, reason: str) -> None:
    """Leave an invoice to an operator."""
    give_back(key, lease, delivery=Delivery.STUCK, attempts=Invoice.attempts + 1, last_error=reason)


def give_back(key: Key, lease: dt.datetime, **values: object) -> None:
    """End a lease and write a result, unless another worker has taken the invoice meanwhile."""
    db.session.rollback()
    QUEUE.give_back(key.row, lease, **values)
    db.session.commit()
