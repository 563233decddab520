"""Which months of an organization have no invoice yet and something to bill.

A month has something to bill if it has usage. The first one to be billed also takes what came late for
invoiced months; where none has usage, late usage alone opens the latest.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, bindparam, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute

from portal.domain.period import HOURS_A_DAY, Month
from portal.models import Invoice, Organization, Subscription, UsageCorrection, UsageDay
from portal.storage import db


def open_months(organization: Organization, *, until: Month) -> Sequence[Month]:
    """Return the months to be billed that have no invoice yet, up to and with `until`, the latest first.

    They have usage; where none has, but late usage waits, it is `until` itself.
    """
    candidates = _without_invoice(organization.id, until)
    if not candidates:
        return []
    days = {
        f"{edge}{index}": day
        for index, month in enumerate(candidates)
        for edge, day in (("start", month.start_day), ("end", month.end_day))
    }
    parameters = {"organization_id": organization.id, **days}
    has_late, *has_usage = db.session.execute(_has_usage(len(candidates)), parameters).one()
    billable = [month for month, is_used in zip(candidates, has_usage, strict=True) if is_used]
    if not billable and has_late and candidates[-1] == until:
        return [until]
    return billable[::-1]


def _without_invoice(organization_id: int, until: Month) -> list[Month]:
    """Return the months without an invoice since an organization subscribed to anything, in their order."""
    rows = db.session.execute(_INVOICED, {"organization_id": organization_id}).all()
    first_hour = rows[0].first_hour
    if first_hour is None:
        return []
    invoiced = {row.period for row in rows}
    months = Month.of_day(first_hour // HOURS_A_DAY).through(until)
    return [month for month in months if str(month) not in invoiced]


def due_months(until: Month) -> Mapping[Month, list[int]]:
    """Return the same for all organizations at once: {month: organization ids, ascending}."""
    first_hour = db.session.scalar(select(func.min(Subscription.start_hour)))
    if first_hour is None:
        return {}
    due = {
        month: _organization_ids(month, _used(Organization.id, month.start_day, month.end_day))
        for month in Month.of_day(first_hour // HOURS_A_DAY).through(until)
    }
    billed_anyway = {organization_id for ids in due.values() for organization_id in ids}
    late = set(_organization_ids(until, _waits(Organization.id))) - billed_anyway
    due[until] = sorted([*due.get(until, ()), *late])
    return {month: ids for month, ids in due.items() if ids}


def _organization_ids(month: Month, condition: ColumnElement[bool]) -> list[int]:
    """Return the organizations that have no invoice for a month and meet a condition, ascending."""
    is_invoiced = exists().where(Invoice.organization_id == Organization.id, Invoice.period == str(month))
    query = select(Organization.id).where(~is_invoiced, condition).order_by(Organization.id)
    return list(db.session.scalars(query))


def _waits(organization_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Say that late usage of an organization is not billed yet."""
    return exists().where(
        UsageCorrection.organization_id == organization_id,
        UsageCorrection.invoice_id.is_(None),
        UsageCorrection.delta_nano != 0,
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
        UsageDay.quantity_nano > 0,
    )


_ORGANIZATION_ID: BindParameter[int] = bindparam("organization_id", type_=Integer())
_FIRST_HOUR = select(func.min(Subscription.start_hour)).where(
    Subscription.organization_id == _ORGANIZATION_ID
)
_INVOICED = (  # one row at least, so that the first hour is there where no invoice is
    select(_FIRST_HOUR.scalar_subquery().label("first_hour"), Invoice.period)
    .select_from(Organization)
    .join(Invoice, Invoice.organization_id == _ORGANIZATION_ID, isouter=True)
    .where(Organization.id == _ORGANIZATION_ID)
)


@cache
def _has_usage(month_count: int) -> Select[*tuple[Any, ...]]:
    """Ask whether late usage waits, and of each of some months whether it has usage: in one statement."""
    edges = [(_day(f"start{index}"), _day(f"end{index}")) for index in range(month_count)]
    return select(_waits(_ORGANIZATION_ID), *(_used(_ORGANIZATION_ID, *edge) for edge in edges))


def _day(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer())


def last_closable(now_hour: int, grace_days: int) -> Month:
    """Return the latest month that is over and past its grace."""
    return Month.of_day(now_hour // HOURS_A_DAY - grace_days).shifted(-1)
