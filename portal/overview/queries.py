"""The start page: this month so far, what is to be paid, the last invoices."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.money import Money
from portal.domain.period import Month, Window, hour_of
from portal.domain.windows import RequestedWindow
from portal.ledger.completeness import completeness
from portal.ledger.open_balance import OpenBalance, open_balance_of
from portal.ledger.usage_sums import Step
from portal.models import LegalDocument, Organization
from portal.storage import db
from portal.usage.page import By, LineFilter, Usage
from portal.usage.queries import usage_of

_LATEST = 3


@dataclass(frozen=True, slots=True)
class Overview:
    """The start page of an organization."""

    organization: Organization
    month: Month
    metered_through: dt.datetime | None
    closes_on: dt.date
    year: Usage
    legal: Sequence[LegalDocument]
    balance: OpenBalance

    @property
    def so_far(self) -> Money:
        return self.cost_of(self.month)

    @property
    def month_before(self) -> Money:
        return self.cost_of(self.month.shifted(-1))

    def cost_of(self, month: Month) -> Money:
        """Return what a month of the last year cost, net."""
        points = (
            point for project in self.year.projects for line in project.products for point in line.points
        )
        cents = sum(point.cents for point in points if point.hour == month.start_hour)
        return Money(cents, self.organization.currency)


def overview_of(organization: Organization, *, now: dt.datetime, today: dt.date, grace_days: int) -> Overview:
    """Return the start page; `today` is the seller's, in which documents fall due."""
    month = Month.of(now)
    complete = completeness(organization.id, Window(month.start_hour, hour_of(now) + 1), now=now)
    return Overview(
        organization=organization,
        month=month,
        year=_year(organization, month, now),
        metered_through=complete.metered_through,
        closes_on=month.shifted(1).first_on + dt.timedelta(days=grace_days),
        legal=_latest_documents(organization),
        balance=open_balance_of(organization, today=today),
    )


def _year(organization: Organization, month: Month, now: dt.datetime) -> Usage:
    """Return the last twelve months and the current one, month by month."""
    first = month.shifted(-12)
    requested = RequestedWindow(Window(first.start_hour, month.end_hour), first.starts_at, now)
    return usage_of(
        organization, requested, step=Step.MONTH, has_series=False, by=By.PRODUCT, only=LineFilter(), now=now
    )


def _latest_documents(organization: Organization) -> Sequence[LegalDocument]:
    query = (
        select(LegalDocument)
        .where(LegalDocument.organization_id == organization.id)
        .order_by(LegalDocument.document_on.desc(), LegalDocument.id.desc())
        .limit(_LATEST)
    )
    return db.session.scalars(query).all()
