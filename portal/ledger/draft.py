"""What a month's internal invoice says, computed from usage: the preview and the invoice are this."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import exists, func, select

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.extensions import db
from portal.ledger.lines import Stretch, stretches_by_organization
from portal.ledger.names import ProductName, ProjectName, product_names, project_names
from portal.models import Invoice, Organization, Subscription, UsageDay, invoice_uid, item_uid


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One line: what a project used of a product at one price."""

    uid: UUID
    project_id: int | None
    product_id: int
    project: ProjectName | None
    product: ProductName
    unit_price: Decimal
    quantity_nano: int
    total: Money


@dataclass(frozen=True, slots=True)
class Draft:
    """A month of an organization, priced, not closed yet."""

    uid: UUID
    organization: Organization
    month: Month
    items: Sequence[DraftItem]
    total: Money


def draft_of(organization: Organization, month: Month) -> Draft | None:
    """Return an organization's month as it stands, or None where nothing was used."""
    return drafts_of([organization], month).get(organization.id)


def drafts_of(organizations: Sequence[Organization], month: Month) -> Mapping[int, Draft]:
    """Return {organization id: draft} for those that used anything in a month."""
    found = stretches_by_organization(organizations, Window(month.start_hour, month.end_hour))
    ids = [each.id for each in organizations]
    projects = project_names(ids)
    products = product_names({each.line.product_id for some in found.values() for each in some})
    drafts = {}
    for organization in organizations:
        used = [each for each in found[organization.id] if each.quantity_nano]
        if used:
            drafts[organization.id] = _draft(organization, month, used, projects, products)
    return drafts


def _draft(
    organization: Organization,
    month: Month,
    used: Sequence[Stretch],
    projects: Mapping[tuple[int, int], ProjectName],
    products: Mapping[int, ProductName],
) -> Draft:
    uid = invoice_uid(organization.uid, str(month))
    items = []
    for each in used:
        line = each.line
        project = None if line.project_id is None else projects[organization.id, line.project_id]
        product = products[line.product_id]
        items.append(
            DraftItem(
                uid=item_uid(uid, project and project.uid, product.uid, line.unit_price),
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
    return Draft(uid, organization, month, items, total)


def _reading_order(item: DraftItem) -> tuple[bool, str, str, Decimal]:
    return (
        item.project is None,
        item.project.name if item.project else "",
        item.product.name,
        item.unit_price,
    )


def open_months(organization: Organization, *, until: Month) -> Sequence[Month]:
    """Return the months with usage that have no invoice yet, up to and with `until`, the latest first."""
    first_hour = db.session.scalar(
        select(func.min(Subscription.start_hour)).where(Subscription.organization_id == organization.id)
    )
    if first_hour is None:
        return []
    month, closed = Month.of_day(first_hour // HOURS_A_DAY), _closed_periods(organization)
    found = []
    while month <= until:
        if str(month) not in closed and _has_usage(organization.id, month):
            found.append(month)
        month = month.shifted(1)
    return found[::-1]


def _closed_periods(organization: Organization) -> Collection[str]:
    query = select(Invoice.period).where(Invoice.organization_id == organization.id)
    return set(db.session.scalars(query))


def _has_usage(organization_id: int, month: Month) -> bool:
    some = exists().where(
        UsageDay.organization_id == organization_id,
        UsageDay.day >= month.start_day,
        UsageDay.day < month.end_day,
        UsageDay.quantity > 0,
    )
    return bool(db.session.scalar(select(some)))


def last_closable(now_hour: int, grace_days: int) -> Month:
    """Return the latest month that is over and past its grace."""
    return Month.of_day(now_hour // HOURS_A_DAY - grace_days).shifted(-1)
