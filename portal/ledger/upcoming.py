"""What a month's internal invoice says, computed from usage: the preview and the invoice are this.

A month bills its own usage. The first of an organization's open months also bills what came late for
months that are invoiced already: one correction for each of their lines, which costs exactly what the
corrected month differs from the billed one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.ledger.names import ProductName, ProjectName, Projects, project_names
from portal.ledger.open_months import open_months
from portal.ledger.prices import PriceBook, prices_for
from portal.ledger.rating import RatedUsage, rated_usage_by_organization
from portal.ledger.usage_sums import PENDING
from portal.models import (
    ItemKind,
    Organization,
    UsageCorrection,
    correction_uid,
    invoice_uid,
    item_uid,
)
from portal.storage.database import db


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One line: what a project used of a product at one price, or what came late for such a line."""

    uid: UUID
    kind: str
    corrects: Month | None
    corrected_item: UUID | None
    project_id: int | None
    product_id: int
    project: ProjectName | None
    product: ProductName
    unit_price: Decimal
    quantity_nano: int
    total: Money


@dataclass(frozen=True, slots=True)
class UpcomingInvoice:
    """A month of an organization, priced, not closed yet."""

    uid: UUID
    organization: Organization
    month: Month
    items: Sequence[DraftItem]
    total: Money


def upcoming_invoice(organization: Organization, month: Month) -> UpcomingInvoice | None:
    """Return an open month of an organization as it stands, or None where there is nothing to bill."""
    is_next = open_months(organization, until=month)[-1:] == [month]
    return upcoming_invoices([organization], month, with_late=is_next).get(organization.id)


def upcoming_invoices(
    organizations: Sequence[Organization], month: Month, *, with_late: bool
) -> Mapping[int, UpcomingInvoice]:
    """Return {organization id: invoice} for those that used anything in a month, or have late usage."""
    prices = prices_for([each.id for each in organizations], {each.currency for each in organizations})
    window = Window(month.start_hour, month.end_hour)
    found: dict[int, list[RatedUsage]] = {
        owner: [each for each in some if each.quantity_nano]
        for owner, some in rated_usage_by_organization(organizations, window, prices=prices).items()
    }
    if with_late:
        for owner, some in _late_usage(organizations, prices).items():
            found[owner] += some
    projects = project_names([each.id for each in organizations])
    return {
        organization.id: _draft(organization, month, found[organization.id], projects, prices.products)
        for organization in organizations
        if found[organization.id]
    }


def _late_usage(organizations: Sequence[Organization], prices: PriceBook) -> Mapping[int, list[RatedUsage]]:
    """Return what came late and is not billed yet, line by line of the months that it corrects."""
    months_of: dict[Month, list[Organization]] = defaultdict(list)
    query = (
        select(UsageCorrection.organization_id, UsageCorrection.hour // HOURS_A_DAY)
        .where(
            UsageCorrection.organization_id.in_([each.id for each in organizations]),
            UsageCorrection.invoice_id.is_(None),
            UsageCorrection.delta != 0,
        )
        .distinct()
    )
    late = {(Month.of_day(day), owner) for owner, day in db.session.execute(query)}
    by_id = {each.id: each for each in organizations}
    for month, owner in sorted(late):
        months_of[month].append(by_id[owner])
    found: dict[int, list[RatedUsage]] = defaultdict(list)
    for month in sorted(months_of):
        window = Window(month.start_hour, month.end_hour)
        for owner, some in rated_usage_by_organization(months_of[month], window, prices=prices).items():
            found[owner] += [each for each in some if each.batch == PENDING]
    return found


def _draft(
    organization: Organization,
    month: Month,
    used: Sequence[RatedUsage],
    projects: Projects,
    products: Mapping[int, ProductName],
) -> UpcomingInvoice:
    uid = invoice_uid(organization.uid, str(month))
    items = []
    for each in used:
        line = each.line
        project = None if line.project_id is None else projects[organization.id, line.project_id]
        product = products[line.product_id]
        parts = project and project.uid, product.uid, line.unit_price
        corrects = line.month if each.batch == PENDING else None
        items.append(
            DraftItem(
                uid=correction_uid(uid, str(corrects), *parts) if corrects else item_uid(uid, *parts),
                kind=ItemKind.CORRECTION if corrects else ItemKind.USAGE,
                corrects=corrects,
                corrected_item=item_uid(invoice_uid(organization.uid, str(corrects)), *parts)
                if corrects
                else None,
                project_id=line.project_id,
                product_id=line.product_id,
                project=project,
                product=product,
                unit_price=line.unit_price,
                quantity_nano=each.quantity_nano,
                total=each.cost,
            )
        )
    items.sort(key=_reading_order)
    total = Money(sum(item.total.cents for item in items), organization.currency)
    return UpcomingInvoice(uid, organization, month, items, total)


def _reading_order(item: DraftItem) -> tuple[str, bool, str, str, Decimal]:
    return (
        str(item.corrects or ""),
        item.project is None,
        item.project.name if item.project else "",
        item.product.name,
        item.unit_price,
    )
