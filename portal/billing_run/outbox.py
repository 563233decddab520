"""The outbox of legal documents: the delivery columns of the invoices, each change a transaction.

Whoever claims an invoice holds a lease; ids are stored by compare-and-set, so what a slow worker writes
after its lease ran out cannot undo what another has done.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Date, case, func, literal, or_, select, update
from sqlalchemy.engine import CursorResult

from portal.domain.errors import BillingError
from portal.extensions import db, reading
from portal.gateways.easybill_http import EasybillRateLimitedError
from portal.models import Delivery, Invoice

BERLIN = ZoneInfo("Europe/Berlin")  # the zone in which EasyBill dates its documents
LEASE = dt.timedelta(minutes=5)  # longer than the calls of one delivery can take
RETRY_FIRST = dt.timedelta(minutes=1)
RETRY_MAX = dt.timedelta(hours=6)
RATE_LIMIT_SECONDS = 60  # unless EasyBill says another number
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
        delivery=case((Invoice.easybill_document_id.is_(None), Delivery.PENDING), else_=Delivery.DRAFTED),
        document_on=case((Invoice.easybill_document_id.is_not(None), Invoice.document_on)),
        attempts=0,
        next_attempt_at=None,
        leased_until=None,
    )
    db.session.commit()
    return result


def due(now: dt.datetime, organizations: Collection[int] | None) -> Sequence[Key]:
    """Return what may be tried; what failed often comes last, so that it keeps nobody waiting."""
    query = (
        select(Invoice.organization_id, Invoice.id)
        .where(_is_due(now))
        .order_by(Invoice.attempts, Invoice.organization_id, Invoice.period)
    )
    if organizations is not None:
        query = query.where(Invoice.organization_id.in_(organizations))
    with reading():
        keys = [Key(*row) for row in db.session.execute(query)]
        db.session.commit()
    return keys


def _is_due(at: dt.datetime) -> ColumnElement[bool]:
    return (
        Invoice.delivery.in_(_OPEN)
        & (Invoice.total_cents > 0)
        & or_(Invoice.next_attempt_at.is_(None), Invoice.next_attempt_at <= at)
        & or_(Invoice.leased_until.is_(None), Invoice.leased_until <= at)
    )


def claim(key: Key, at: dt.datetime, lease: dt.datetime) -> bool:
    """Take an invoice, and fix the day of its document before anybody is told of it."""
    today = literal(at.astimezone(BERLIN).date(), Date)
    taken = _write(
        key.row & _is_due(at),
        leased_until=lease,
        document_on=func.coalesce(Invoice.document_on, today),
    )
    db.session.commit()
    return taken == 1


def store_document_id(key: Key, document_id: str) -> str | None:
    """Compare and set: return the id that is stored now, which may be another worker's."""
    _write(
        key.row & Invoice.easybill_document_id.is_(None),
        easybill_document_id=document_id,
        delivery=Delivery.DRAFTED,
    )
    stored = db.session.scalar(select(Invoice.easybill_document_id).where(key.row))
    db.session.commit()
    return stored


def record(key: Key, document_id: str, **values: Any) -> None:
    """Write how far a document got, unless the invoice has another one by now or is through."""
    is_its_own = Invoice.easybill_document_id == document_id
    _write(key.row & is_its_own & (Invoice.delivery != Delivery.DELIVERED), **values)
    db.session.commit()


def try_later(key: Key, lease: dt.datetime, at: dt.datetime, error: BillingError) -> None:
    """Note why it failed, and when to try again: twice as late each time, or when EasyBill says."""
    db.session.rollback()
    attempts = db.session.scalar(select(Invoice.attempts).where(key.row)) or 0
    delay = min(RETRY_FIRST * 2 ** min(attempts, _DOUBLINGS_MAX), RETRY_MAX)
    asked = getattr(error, "retry_after_seconds", None)
    if isinstance(error, EasybillRateLimitedError):
        delay = dt.timedelta(seconds=asked or RATE_LIMIT_SECONDS)
    elif asked:
        delay = max(delay, dt.timedelta(seconds=min(asked, RETRY_MAX.total_seconds())))
    give_back(key, lease, attempts=Invoice.attempts + 1, last_error=str(error), next_attempt_at=at + delay)


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
