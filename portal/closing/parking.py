"""Safety bounds: a month that looks wrong is parked with its reason.

It is closed once it looks right again, or once somebody has looked at it and released it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import median_low

from sqlalchemy import func, select, update

from portal.domain.errors import NotFoundError
from portal.domain.money import AMOUNT_MAX_MINOR
from portal.domain.period import Month
from portal.ledger import audit
from portal.ledger.upcoming import UpcomingInvoice
from portal.models import Invoice, Organization, ParkedMonth, add_owned
from portal.storage.database import db

log = logging.getLogger(__name__)
_MONTHS_COMPARED = 6
_TIMES_MAX = 10


def doubts(upcoming: Mapping[int, UpcomingInvoice]) -> dict[int, str]:
    """Return {organization id: reason} for invoices that are wrong, or look so and were not released."""
    found = {}
    earlier = _earlier_totals(upcoming)
    for owner, invoice in upcoming.items():
        reason = _mistake(invoice) or _surprise(invoice, earlier.get(owner, ()))
        if reason:
            found[owner] = reason
    return found


def _mistake(invoice: UpcomingInvoice) -> str | None:
    """Tell what no release makes right."""
    if len({line.uid for line in invoice.lines}) != len(invoice.lines):
        return "A line stands twice."
    if any(abs(cents) > AMOUNT_MAX_MINOR for cents in (invoice.total.cents, *_amounts(invoice))):
        return "An amount is larger than programs can read exactly."
    return None


def _surprise(invoice: UpcomingInvoice, totals: Sequence[int]) -> str | None:
    usual = median_low(totals) if totals else 0
    is_surprise = usual > 0 and invoice.total.cents > _TIMES_MAX * usual
    if is_surprise and not _is_released(invoice.organization.id, invoice.month):
        return (
            f"The total is {invoice.total.major:f} {invoice.total.currency}, more than {_TIMES_MAX} times"
            f" the median of the last {len(totals)} months."
        )
    return None


def _amounts(invoice: UpcomingInvoice) -> Sequence[int]:
    return [line.total_cents for line in invoice.lines]


def _earlier_totals(organization_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
    """Return the totals of each organization's last few months."""
    place = func.row_number().over(partition_by=Invoice.organization_id, order_by=Invoice.period.desc())
    numbered = (
        select(Invoice.organization_id, Invoice.total_cents, place.label("place"))
        .where(Invoice.organization_id.in_(organization_ids))
        .subquery()
    )
    query = select(numbered.c.organization_id, numbered.c.total_cents).where(
        numbered.c.place <= _MONTHS_COMPARED
    )
    totals: dict[int, list[int]] = defaultdict(list)
    for owner, cents in db.session.execute(query):
        totals[owner].append(cents)
    return totals


def _is_released(organization_id: int, month: Month) -> bool:
    query = select(ParkedMonth.id).where(
        ParkedMonth.organization_id == organization_id,
        ParkedMonth.period == str(month),
        ParkedMonth.released_at.is_not(None),
    )
    return db.session.scalar(query) is not None


def park(organization: Organization, month: Month, reason: str, now: dt.datetime) -> bool:
    """Let a month wait, and say why; return whether it did not wait before. A release counts once."""
    query = select(ParkedMonth).where(
        ParkedMonth.organization_id == organization.id, ParkedMonth.period == str(month)
    )
    known = db.session.scalar(query)
    if known is not None and known.released_at is None:
        known.reason = reason
        return False
    if known is not None:
        known.reason, known.parked_at, known.released_at = reason, now, None
    else:
        add_owned(organization.id, ParkedMonth(period=str(month), reason=reason, parked_at=now))
    db.session.flush()
    log.warning("month parked", extra={"organization": organization.number, "reason": reason})
    return True


def clear(organization_ids: Collection[int], month: Month, now: dt.datetime) -> None:
    """Let a month that was closed wait no longer."""
    cleared = update(ParkedMonth).where(
        ParkedMonth.organization_id.in_(organization_ids),
        ParkedMonth.period == str(month),
        ParkedMonth.released_at.is_(None),
    )
    db.session.execute(cleared.values(released_at=now).execution_options(synchronize_session=False))


def parked() -> Sequence[tuple[Organization, ParkedMonth]]:
    """Return every month that waits, with its organization."""
    query = (
        select(Organization, ParkedMonth)
        .join(ParkedMonth, ParkedMonth.organization_id == Organization.id)
        .where(ParkedMonth.released_at.is_(None))
        .order_by(Organization.id, ParkedMonth.period)
    )
    return [(organization, month) for organization, month in db.session.execute(query)]


def release(organization: Organization, month: Month, *, now: dt.datetime) -> None:
    """Let a parked month be closed by the next run, however unusual it looks; the caller commits."""
    query = select(ParkedMonth).where(
        ParkedMonth.organization_id == organization.id,
        ParkedMonth.period == str(month),
        ParkedMonth.released_at.is_(None),
    )
    waiting_month = db.session.scalar(query)
    if waiting_month is None:
        raise NotFoundError(f"{organization.name} has no parked month {month}.")
    waiting_month.released_at = now
    audit.record(organization.id, "month.released", str(month), before={"reason": waiting_month.reason})
