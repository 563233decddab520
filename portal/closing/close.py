"""Closing a month: its upcoming invoice becomes one final invoice per organization, numbered without gaps.

Safe to run twice, at once, and to be killed: an organization and a month have one invoice or none. An
organization whose month looks wrong is in review with the reason, and its later months wait; the others
are billed. Every run looks at months in review again.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.closing import review
from portal.closing.final import write_invoices
from portal.domain.errors import ConflictError
from portal.domain.period import Month, hour_of
from portal.domain.vat import VatRules
from portal.ledger import usage_rows
from portal.ledger.open_months import due_months, last_closable
from portal.ledger.prices import UnpricedError
from portal.ledger.upcoming import UpcomingInvoice, upcoming_invoices
from portal.models import Invoice, Organization
from portal.storage import db
from portal.timekeeping.clocks import exact_now

log = logging.getLogger(__name__)
_SLICE = 200  # organizations closed in one transaction


class MonthNotOverError(ConflictError):
    """The month is not over and past its grace."""


@dataclass(slots=True)
class Closed:
    """The result of a run: invoices made, and organizations whose month it put in review."""

    made: int = 0
    in_review: int = 0


def close(*, now: dt.datetime, grace_days: int, vat_rules: VatRules) -> Closed:
    """Close every month that is over, past its grace and has something to bill; `vat_rules` tax it."""
    closed = Closed()
    waiting: set[int] = set()  # no month of theirs is closed before an earlier one
    for month, organization_ids in _due(last_closable(hour_of(now), grace_days)):
        free = [number for number in organization_ids if number not in waiting]
        for organization_slice in _slices(free):
            _refuse_open(month, grace_days)
            waiting.update(_close_slice(organization_slice, month, vat_rules, now, closed))
            db.session.commit()
    return closed


def _refuse_open(month: Month, grace_days: int) -> None:
    """Begin a transaction that closes a month, which is over by the database, whatever the run was told."""
    at = exact_now()
    if month > last_closable(hour_of(at), grace_days):
        raise MonthNotOverError(f"{month} is not over and past its grace: it is {at:%Y-%m-%d %H:%M} UTC.")


def _due(until: Month) -> Iterator[tuple[Month, Sequence[int]]]:
    """Yield months in order, so that numbers are too, each with the organizations to close it for."""
    due = due_months(until)
    db.session.commit()
    for month in sorted(due):
        yield month, due[month]


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _SLICE):
        yield ids[start : start + _SLICE]


def _close_slice(
    organization_ids: Sequence[int], month: Month, vat_rules: VatRules, now: dt.datetime, closed: Closed
) -> Collection[int]:
    """Close a month of some organizations, and return those whose month is in review."""
    usage_rows.lock(organization_ids)
    done = select(Invoice.organization_id).where(
        Invoice.organization_id.in_(organization_ids), Invoice.period == str(month)
    )
    still_open = set(organization_ids) - set(db.session.scalars(done))
    query = select(Organization).where(Organization.id.in_(still_open)).order_by(Organization.id)
    organizations = db.session.scalars(query).all()
    upcoming, reasons = _upcoming_or_reasons(organizations, month)
    reasons |= review.review_reasons(upcoming)
    for organization in organizations:
        if organization.id in reasons:
            closed.in_review += review.put_in_review(organization, month, reasons[organization.id], now)
    sound = [invoice for invoice in upcoming.values() if invoice.organization.id not in reasons]
    write_invoices(sound, vat_rules, now)
    review.end_reviews([invoice.organization.id for invoice in sound], month, now)
    closed.made += len(sound)
    return reasons


def _upcoming_or_reasons(
    organizations: Sequence[Organization], month: Month
) -> tuple[Mapping[int, UpcomingInvoice], dict[int, str]]:
    """Return upcoming invoices; where one organization cannot be priced, each alone, with what stops it."""
    try:
        return upcoming_invoices(organizations, month, with_late=True), {}
    except UnpricedError:
        upcoming: dict[int, UpcomingInvoice] = {}
        reasons = {}
        for organization in organizations:
            try:
                upcoming |= upcoming_invoices([organization], month, with_late=True)
            except UnpricedError as error:
                reasons[organization.id] = str(error)
        return upcoming, reasons
