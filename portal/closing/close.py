"""Closing a month: its upcoming invoice becomes one final invoice per organization, numbered without gaps.

Safe to run twice, at once, and to be killed: an organization and a month have one invoice or none. An
organization whose month looks wrong is parked with the reason, and its later months wait; the others
are billed. Every run looks at parked months again.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.closing import parking
from portal.closing.final import write_invoices
from portal.domain.period import Month, hour_of
from portal.ledger import usage_rows
from portal.ledger.open_months import due_months, last_closable
from portal.ledger.prices import UnpricedError
from portal.ledger.upcoming import UpcomingInvoice, upcoming_invoices
from portal.models import Invoice, Organization
from portal.storage.database import db

log = logging.getLogger(__name__)
_SLICE = 200  # organizations closed in one transaction


@dataclass(slots=True)
class Closed:
    """What a run did: invoices made, and organizations parked in it."""

    made: int = 0
    parked: int = 0


def close(*, now: dt.datetime, grace_days: int) -> Closed:
    """Close every month that is over, past its grace and has something to bill."""
    closed = Closed()
    waiting: set[int] = set()  # no month of theirs is closed before an earlier one
    for month, organization_ids in _due(last_closable(hour_of(now), grace_days)):
        for some in _slices([each for each in organization_ids if each not in waiting]):
            waiting.update(_close_slice(some, month, now, closed))
            db.session.commit()
    return closed


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
    organization_ids: Sequence[int], month: Month, now: dt.datetime, closed: Closed
) -> Collection[int]:
    """Close a month of some organizations, and return those whose month is parked."""
    usage_rows.lock(organization_ids)
    done = select(Invoice.organization_id).where(
        Invoice.organization_id.in_(organization_ids), Invoice.period == str(month)
    )
    still_open = set(organization_ids) - set(db.session.scalars(done))
    query = select(Organization).where(Organization.id.in_(still_open)).order_by(Organization.id)
    organizations = db.session.scalars(query).all()
    upcoming, doubts = _upcoming_or_doubts(organizations, month)
    doubts |= parking.doubts(upcoming)
    for organization in organizations:
        if organization.id in doubts:
            closed.parked += parking.park(organization, month, doubts[organization.id], now)
    believed = [invoice for owner, invoice in upcoming.items() if owner not in doubts]
    write_invoices(believed, now)
    parking.clear([invoice.organization.id for invoice in believed], month, now)
    closed.made += len(believed)
    return doubts


def _upcoming_or_doubts(
    organizations: Sequence[Organization], month: Month
) -> tuple[Mapping[int, UpcomingInvoice], dict[int, str]]:
    """Return upcoming invoices; where one organization cannot be priced, each alone, with what stops it."""
    try:
        return upcoming_invoices(organizations, month, with_late=True), {}
    except UnpricedError:
        upcoming: dict[int, UpcomingInvoice] = {}
        doubts = {}
        for organization in organizations:
            try:
                upcoming |= upcoming_invoices([organization], month, with_late=True)
            except UnpricedError as error:
                doubts[organization.id] = str(error)
        return upcoming, doubts
