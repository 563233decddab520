"""Sums of the usage of organizations, by line, made in SQL: of whole days where it can, hours where it must.

Quantities are summed as whole numbers in two limbs, which no sum can overflow. There is no money here.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from portal.domain.period import HOURS_A_DAY, Window
from portal.domain.rating import NANO
from portal.models import Subscription, UsageCorrection, UsageDay, UsageHour
from portal.storage import db

USAGE = 0  # invoices are numbered from 1
PENDING = 2**31  # after every invoice


class Step(StrEnum):
    """How finely a window is divided."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class UsageSum(NamedTuple):
    """The usage of a product by a project, from an hour on."""

    organization_id: int
    project_id: int | None
    product_id: int
    hour: int  # its first, by the step of the sum
    quantity_nano: int


def usage_sums(
    organization_ids: Sequence[int], start_hour: int, end_hour: int, step: Step
) -> Iterator[UsageSum]:
    """Sum `[start, end)` hours by step: whole days from usage_day, cut days and hours from usage_hour."""
    if step is Step.HOUR:
        yield from _sums(organization_ids, UsageHour.hour, start_hour, end_hour, step)
        return
    first_midnight = -(-start_hour // HOURS_A_DAY) * HOURS_A_DAY
    last_midnight = end_hour // HOURS_A_DAY * HOURS_A_DAY
    if first_midnight >= last_midnight:
        yield from _sums(organization_ids, UsageHour.hour, start_hour, end_hour, step)
        return
    yield from _sums(organization_ids, UsageHour.hour, start_hour, first_midnight, step)
    days = first_midnight // HOURS_A_DAY, last_midnight // HOURS_A_DAY
    yield from _sums(organization_ids, UsageDay.day, *days, step)
    yield from _sums(organization_ids, UsageHour.hour, last_midnight, end_hour, step)


def _sums(
    organization_ids: Sequence[int], column: InstrumentedAttribute[int], start: int, end: int, step: Step
) -> Sequence[UsageSum]:
    if start >= end:
        return ()
    is_day = column.class_ is UsageDay
    parameters = {"organization_ids": organization_ids, "start": start, "end": end}
    rows = db.session.execute(_sums_query(step, is_day=is_day), parameters).all()  # one by one is slow
    unit_hours = HOURS_A_DAY if is_day or step is Step.DAY else 1
    first = start * unit_hours if step is Step.MONTH else 0  # `at` is zero then
    return [
        UsageSum(
            organization_id, project_id, product_id, first + at * unit_hours, int(high) * NANO + int(low)
        )
        for organization_id, project_id, product_id, at, high, low in rows
    ]


def late_usage_sums(organization_ids: Sequence[int], window: Window) -> Iterator[tuple[int, UsageSum]]:
    """Yield (batch, sum of differences) by line and hour, for hours of invoiced months in a window."""
    parameters = {"organization_ids": organization_ids, "start": window.start_hour, "end": window.end_hour}
    for batch, *line, high, low in db.session.execute(_LATE, parameters):
        yield batch, UsageSum._make([*line, int(high) * NANO + int(low)])


# Statements are made once, of tables rather than classes: making one took longer than asking it.
_days, _hours, _subscriptions, _corrected = (
    model.__table__.c for model in (UsageDay, UsageHour, Subscription, UsageCorrection)
)
_ORGANIZATION_IDS: BindParameter[Any] = bindparam("organization_ids", expanding=True)
_START: BindParameter[int] = bindparam("start")
_END: BindParameter[int] = bindparam("end")


@cache
def _sums_query(step: Step, *, is_day: bool) -> Select[Any]:
    return _whole_query(is_day=is_day) if step is Step.MONTH else _step_query(step, is_day=is_day)


def _step_query(step: Step, *, is_day: bool) -> Select[Any]:
    """Sum each day or hour by line: a subscription has one row of each, or few."""
    used, column = _used(is_day=is_day)
    at = column // HOURS_A_DAY if step is Step.DAY and not is_day else column
    line = used.organization_id, _subscriptions.project_id, _subscriptions.product_id, at.label("at")
    return (
        select(*line, func.sum(used.quantity_nano // NANO), func.sum(used.quantity_nano % NANO))
        .join_from(column.table, Subscription.__table__, _is_same_subscription(used))
        .where(used.organization_id.in_(_ORGANIZATION_IDS), column >= _START, column < _END)
        .group_by(*line[:3], "at")
    )


def _whole_query(*, is_day: bool) -> Select[Any]:
    """Sum all of it by subscription first: the largest organizations have many days of few subscriptions."""
    used, column = _used(is_day=is_day)
    by_subscription = (
        select(
            used.organization_id,
            used.subscription_id,
            func.sum(used.quantity_nano // NANO).label("high"),
            func.sum(used.quantity_nano % NANO).label("low"),
        )
        .where(used.organization_id.in_(_ORGANIZATION_IDS), column >= _START, column < _END)
        .group_by(used.organization_id, used.subscription_id)
        .subquery()
    )
    part = by_subscription.c
    line = part.organization_id, _subscriptions.project_id, _subscriptions.product_id
    return (
        select(*line, literal_column("0"), func.sum(part.high), func.sum(part.low))
        .join_from(by_subscription, Subscription.__table__, _is_same_subscription(part))
        .group_by(*line)
    )


def _used(*, is_day: bool) -> tuple[ReadOnlyColumnCollection[str, Any], Any]:
    """Return the columns of the table that is summed, and the one that says when."""
    return (_days, _days.day) if is_day else (_hours, _hours.hour)


def _is_same_subscription(part: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    return and_(
        _subscriptions.organization_id == part.organization_id, _subscriptions.id == part.subscription_id
    )


_LATE_LINE = (
    _corrected.organization_id,
    _subscriptions.project_id,
    _subscriptions.product_id,
    _corrected.hour,
)
_LATE = (
    select(
        func.coalesce(_corrected.invoice_id, PENDING).label("batch"),
        *_LATE_LINE,
        func.sum(_corrected.delta_nano // NANO),  # both limbs have the sign of the difference
        func.sum(_corrected.delta_nano % NANO),
    )
    .join_from(UsageCorrection.__table__, Subscription.__table__, _is_same_subscription(_corrected))
    .where(
        _corrected.organization_id.in_(_ORGANIZATION_IDS),
        _corrected.hour >= _START,
        _corrected.hour < _END,
        _corrected.delta_nano != 0,
    )
    .group_by("batch", *_LATE_LINE)
)
