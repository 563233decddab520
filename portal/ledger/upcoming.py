"""What a month's internal invoice says, computed from usage: the preview and the invoice are this.

A month bills its own usage. The first of an organization's open months also bills what came late for
months that are invoiced already: one correction for each of their lines, which costs exactly what the
corrected month differs from the billed one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from sqlalchemy import select

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.ledger.names import Projects, project_names
from portal.ledger.open_months import open_months
from portal.ledger.prices import PriceBook, prices_for
from portal.ledger.rating import RatedUsage, rated_usage_by_organization
from portal.ledger.usage_sums import PENDING
from portal.models import InvoiceHead, InvoiceLine, Organization, ProductName, UsageCorrection, invoice_uid
from portal.storage import db


@dataclass(frozen=True, slots=True)
class UpcomingInvoice:
    """A month of an organization, priced, not closed yet."""

    head: InvoiceHead
    organization: Organization
    lines: Sequence[InvoiceLine]
    total: Money

    @property
    def uid(self) -> UUID:
        return self.head.uid

    @property
    def month(self) -> Month:
        return self.head.month


def upcoming_invoice(organization: Organization, month: Month) -> UpcomingInvoice | None:
    """Return an open month of an organization as it stands, or None where there is nothing to bill."""
    is_next = open_months(organization, until=month)[-1:] == [month]
    return upcoming_invoices([organization], month, with_late=is_next).get(organization.id)


def upcoming_invoices(
    organizations: Sequence[Organization], month: Month, *, with_late: bool
) -> Mapping[int, UpcomingInvoice]:
    """Return {organization id: invoice} for those that used anything in a month, or have late usage."""
    ids = [organization.id for organization in organizations]
    prices = prices_for(ids, {organization.currency for organization in organizations})
    window = Window(month.start_hour, month.end_hour)
    billable: dict[int, list[RatedUsage]] = {
        organization_id: [usage for usage in rated if usage.quantity_nano]
        for organization_id, rated in rated_usage_by_organization(
            organizations, window, prices=prices
        ).items()
    }
    if with_late:
        for organization_id, late in _late_usage(organizations, prices).items():
            billable[organization_id] += late
    projects = project_names(ids)
    return {
        organization.id: _upcoming(organization, month, billable[organization.id], projects, prices.products)
        for organization in organizations
        if billable[organization.id]
    }


def _late_usage(organizations: Sequence[Organization], prices: PriceBook) -> Mapping[int, list[RatedUsage]]:
    """Return what came late and is not billed yet, line by line of the months that it corrects."""
    late: dict[int, list[RatedUsage]] = defaultdict(list)
    for month, corrected in _corrected_months(organizations):
        window = Window(month.start_hour, month.end_hour)
        for organization_id, rated in rated_usage_by_organization(corrected, window, prices=prices).items():
            late[organization_id] += [usage for usage in rated if usage.batch == PENDING]
    return late


def _corrected_months(organizations: Sequence[Organization]) -> Iterator[tuple[Month, list[Organization]]]:
    """Yield each month that has late usage to be billed, in their order, with whose it is."""
    by_id = {organization.id: organization for organization in organizations}
    query = (
        select(UsageCorrection.organization_id, UsageCorrection.hour // HOURS_A_DAY)
        .where(
            UsageCorrection.organization_id.in_(list(by_id)),
            UsageCorrection.invoice_id.is_(None),
            UsageCorrection.delta_nano != 0,
        )
        .distinct()
    )
    late = {(Month.of_day(day), organization_id) for organization_id, day in db.session.execute(query)}
    for month, pairs in groupby(sorted(late), key=itemgetter(0)):
        yield month, [by_id[organization_id] for _, organization_id in pairs]


def _upcoming(
    organization: Organization,
    month: Month,
    billable: Sequence[RatedUsage],
    projects: Projects,
    products: Mapping[int, ProductName],
) -> UpcomingInvoice:
    uid = invoice_uid(organization.uid, str(month))
    head = InvoiceHead(organization.uid, uid, month, organization.currency)
    lines = []
    for usage in billable:
        project_id = usage.line.project_id
        lines.append(
            InvoiceLine.composed(
                head,
                None if project_id is None else projects[organization.id, project_id],
                products[usage.line.product_id],
                corrects=usage.line.month if usage.batch == PENDING else None,
                unit_price=usage.line.unit_price,
                quantity_nano=usage.quantity_nano,
                total_cents=usage.cost.cents,
            )
        )
    lines.sort(key=_reading_order)
    total = Money(sum(line.total_cents for line in lines), organization.currency)
    return UpcomingInvoice(head, organization, lines, total)


def _reading_order(line: InvoiceLine) -> tuple[str, bool, str, str, Decimal]:
    return (
        line.corrects_period or "",
        line.project_id is None,
        line.project_name or "",
        line.product_name,
        line.unit_price,
    )
