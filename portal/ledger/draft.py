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
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, bindparam, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.ledger.names import ProductName, ProjectName, Projects, project_names
from portal.ledger.prices import PriceBook, prices_for
from portal.ledger.rating import RatedUsage, rated_usage_by_organization
from portal.ledger.usage_sums import PENDING
from portal.models import (
    Invoice,
    ItemKind,
    Organization,
    Subscription,
    UsageCorrection,
    UsageDay,
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
class Draft:
    """A month of an organization, priced, not closed yet."""

    uid: UUID
    organization: Organization
    month: Month
    items: Sequence[DraftItem]
    total: Money


def draft_of(organization: Organization, month: Month) -> Draft | None:
    """Return an open month of an organization as it stands, or None where there is nothing to bill."""
    is_next = open_months(organization, until=month)[-1:] == [month]
    return drafts_of([organization], month, with_late=is_next).get(organization.id)


def drafts_of(organizations: Sequence[Organization], month: Month, *, with_late: bool) -> Mapping[int, Draft]:
    """Return {organization id: draft} for those that used anything in a month, or have late usage."""
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
) -> Draft:
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
    return Draft(uid, organization, month, items, total)


def _reading_order(item: DraftItem) -> tuple[str, bool, str, str, Decimal]:
    return (
        str(item.corrects or ""),
        item.project is None,
        item.project.name if item.project else "",
        item.product.name,
        item.unit_price,
    )


def open_months(organization: Organization, *, until: Month) -> Sequence[Month]:
    """Return the months to be billed that have no invoice yet, up to and with `until`, the latest first.

    They have usage; where none has, but late usage waits, it is `until` itself.
    """
    known = db.session.execute(_KNOWN, {"owner": organization.id}).all()
    first_hour = known[0].first_hour
    if first_hour is None:
        return []
    closed = {period for _, period in known}
    month, candidates = Month.of_day(first_hour // HOURS_A_DAY), []
    while month <= until:
        if str(month) not in closed:
            candidates.append(month)
        month = month.shifted(1)
    if not candidates:
        return []
    edges = {
        f"{edge}{place}": day
        for place, month in enumerate(candidates)
        for edge, day in (("start", month.start_day), ("end", month.end_day))
    }
    asked = {"owner": organization.id, **edges}
    waits, *used = db.session.execute(_used_each(len(candidates)), asked).one()
    found = [month for month, is_used in zip(candidates, used, strict=True) if is_used]
    if not found and waits and candidates[-1] == until:
        found.append(until)
    return found[::-1]


def due_months(until: Month) -> Mapping[Month, list[int]]:
    """Return the same for everybody at once: {month: organization ids, ascending}."""
    first_hour = db.session.scalar(select(func.min(Subscription.start_hour)))
    if first_hour is None:
        return {}
    due: dict[Month, list[int]] = {}
    month = Month.of_day(first_hour // HOURS_A_DAY)
    while month <= until:
        due[month] = _without_invoice(month, _used(Organization.id, month.start_day, month.end_day))
        month = month.shifted(1)
    billed_anyway = {owner for some in due.values() for owner in some}
    late = set(_without_invoice(until, _waits(Organization.id))) - billed_anyway
    due[until] = sorted([*due.get(until, ()), *late])
    return {month: some for month, some in due.items() if some}


def _without_invoice(month: Month, wanted: ColumnElement[bool]) -> list[int]:
    is_invoiced = exists().where(Invoice.organization_id == Organization.id, Invoice.period == str(month))
    query = select(Organization.id).where(~is_invoiced, wanted).order_by(Organization.id)
    return list(db.session.scalars(query))


def _waits(organization_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Say that late usage of an organization is not billed yet."""
    return exists().where(
        UsageCorrection.organization_id == organization_id,
        UsageCorrection.invoice_id.is_(None),
        UsageCorrection.delta != 0,
    )


def _used(
    organization_id: ColumnElement[int] | InstrumentedAttribute[int],
    start_day: int | ColumnElement[int],
    end_day: int | ColumnElement[int],
) -> ColumnElement[bool]:
    """Say that an organization used anything on some days."""
    return exists().where(
        UsageDay.organization_id == organization_id,
        UsageDay.day >= start_day,
        UsageDay.day < end_day,
        UsageDay.quantity > 0,
    )


_OWNER: BindParameter[int] = bindparam("owner", type_=Integer())
_FIRST_HOUR = select(func.min(Subscription.start_hour)).where(Subscription.organization_id == _OWNER)
_KNOWN = (  # one row at least, so that the first hour is told where there is no invoice
    select(_FIRST_HOUR.scalar_subquery().label("first_hour"), Invoice.period)
    .select_from(Organization)
    .join(Invoice, Invoice.organization_id == _OWNER, isouter=True)
    .where(Organization.id == _OWNER)
)


@cache
def _used_each(count: int) -> Select[*tuple[Any, ...]]:
    """Ask whether late usage waits, and of each of some months whether it has usage: in one statement."""
    edges = [(_day(f"start{place}"), _day(f"end{place}")) for place in range(count)]
    return select(_waits(_OWNER), *(_used(_OWNER, *edge) for edge in edges))


def _day(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer())


def last_closable(now_hour: int, grace_days: int) -> Month:
    """Return the latest month that is over and past its grace."""
    return Month.of_day(now_hour // HOURS_A_DAY - grace_days).shifted(-1)
