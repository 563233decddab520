"""Safety bounds: a month that looks wrong is in review, with its reason, instead of closed.

It is closed once it looks right again, or once an operator has approved it.
"""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import median_low

from sqlalchemy import func, select

from portal.domain.errors import NotFoundError
from portal.domain.money import AMOUNT_MAX_MINOR
from portal.domain.period import Month
from portal.ledger import audit
from portal.ledger.upcoming import UpcomingInvoice
from portal.models import Invoice, MonthReview, Organization, add_owned
from portal.storage import change, db

log = logging.getLogger(__name__)
_MONTHS_COMPARED = 6
_TIMES_MAX = 10


def review_reasons(upcoming: Mapping[int, UpcomingInvoice]) -> dict[int, str]:
    """Return {organization id: reason} for invoices that are wrong, or look so and were not approved."""
    earlier = _earlier_totals(upcoming)
    reasons = {}
    for organization_id, invoice in upcoming.items():
        reason = _mistake(invoice) or _surprise(invoice, earlier.get(organization_id, ()))
        if reason:
            reasons[organization_id] = reason
    return reasons


def _mistake(invoice: UpcomingInvoice) -> str | None:
    """Name a mistake that no approval makes right."""
    if len({line.uid for line in invoice.lines}) != len(invoice.lines):
        return "A line stands twice."
    amounts = [invoice.total.cents, *(line.total_cents for line in invoice.lines)]
    if any(abs(cents) > AMOUNT_MAX_MINOR for cents in amounts):
        return "An amount is larger than programs can read exactly."
    return None


def _surprise(invoice: UpcomingInvoice, totals: Sequence[int]) -> str | None:
    usual = median_low(totals) if totals else 0
    if not 0 < _TIMES_MAX * usual < invoice.total.cents:
        return None
    review = _review_of(invoice.organization, invoice.month)
    if review is not None and review.ended_at is not None:
        return None
    return (
        f"The total is {invoice.total.major:f} {invoice.total.currency}, more than {_TIMES_MAX} times"
        f" the median of the last {len(totals)} months."
    )


def _earlier_totals(organization_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
    """Return the totals of each organization's last few months."""
    rank = func.row_number().over(partition_by=Invoice.organization_id, order_by=Invoice.period.desc())
    ranked = (
        select(Invoice.organization_id, Invoice.total_cents, rank.label("rank"))
        .where(Invoice.organization_id.in_(organization_ids))
        .subquery()
    )
    query = select(ranked.c.organization_id, ranked.c.total_cents).where(ranked.c.rank <= _MONTHS_COMPARED)
    totals: dict[int, list[int]] = defaultdict(list)
    for organization_id, cents in db.session.execute(query):
        totals[organization_id].append(cents)
    return totals


def _review_of(organization: Organization, month: Month) -> MonthReview | None:
    """Return the review of a month, whether it waits or was approved."""
    query = select(MonthReview).where(
        MonthReview.organization_id == organization.id, MonthReview.period == str(month)
    )
    return db.session.scalar(query)


def put_in_review(organization: Organization, month: Month, reason: str, now: dt.datetime) -> bool:
    """Let a month wait, and say why; return whether it did not wait before. An approval counts once."""
    review = _review_of(organization, month)
    if review is not None and review.ended_at is None:
        review.reason = reason
        return False
    if review is not None:
        review.reason, review.began_at, review.ended_at = reason, now, None
    else:
        add_owned(organization.id, MonthReview(period=str(month), reason=reason, began_at=now))
    db.session.flush()
    log.warning("month parked", extra={"organization": organization.number, "reason": reason})
    return True


def end_reviews(organization_ids: Collection[int], month: Month, now: dt.datetime) -> None:
    """Let a month that was closed wait no longer."""
    own = MonthReview.organization_id.in_(organization_ids) & (MonthReview.period == str(month))
    change(MonthReview, own & MonthReview.ended_at.is_(None), ended_at=now)


def months_in_review() -> Sequence[tuple[Organization, MonthReview]]:
    """Return every month that waits, with its organization."""
    query = (
        select(Organization, MonthReview)
        .join(MonthReview, MonthReview.organization_id == Organization.id)
        .where(MonthReview.ended_at.is_(None))
        .order_by(Organization.id, MonthReview.period)
    )
    return [(organization, review) for organization, review in db.session.execute(query)]


def approve(organization: Organization, month: Month, *, now: dt.datetime) -> None:
    """Let a month in review be closed by the next run, however unusual it looks; the caller commits."""
    review = _review_of(organization, month)
    if review is None or review.ended_at is not None:
        raise NotFoundError(f"{organization.name} has no parked month {month}.")
    review.ended_at = now
    audit.record(organization.id, "month.released", str(month), before={"reason": review.reason})
