"""The one way usage is priced: page, JSON, invoice and legal document all ask here.

A line is one (month, project, product, unit price) of an organization, and a meter: see domain/rating.
SQL sums quantities as whole numbers in two limbs, which no sum can overflow; all money is Python's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.domain.rating import NANO, Meter, price_of
from portal.extensions import db
from portal.ledger.prices import PriceBook, prices_for
from portal.models import Organization, Subscription, UsageDay, UsageHour


class Step(StrEnum):
    """How finely a window is told apart."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Line(NamedTuple):
    """The unit of rounding. `price_pico` is in pico-units of the currency's major unit."""

    month: Month
    project_id: int | None
    product_id: int
    price_pico: int
    currency: str

    @property
    def meter(self) -> Meter:
        return Meter(self.price_pico, self.currency)

    @property
    def unit_price(self) -> Decimal:
        return price_of(self.price_pico)


@dataclass(frozen=True, slots=True)
class Point:
    """A part of a stretch: the hour it starts at, what was used in it, what that added to the bill."""

    hour: int
    quantity_nano: int
    cents: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What passed a line within a window, in order. Its points add up to it, to the cent."""

    line: Line
    before_nano: int
    points: Sequence[Point]

    @property
    def quantity_nano(self) -> int:
        return sum(point.quantity_nano for point in self.points)

    @property
    def cost(self) -> Money:
        return Money(sum(point.cents for point in self.points), self.line.currency)


class _Passage(NamedTuple):
    organization_id: int
    project_id: int | None
    product_id: int
    hour: int  # at which it starts, by the step asked for
    quantity_nano: int


def stretches(organization: Organization, window: Window, step: Step = Step.MONTH) -> list[Stretch]:
    """Return what an organization used in a window, line by line, in the order of months."""
    return stretches_by_organization([organization], window, step)[organization.id]


def stretches_by_organization(
    organizations: Sequence[Organization], window: Window, step: Step = Step.MONTH
) -> Mapping[int, list[Stretch]]:
    """Return the same for several organizations at once: {organization id: stretches}."""
    currencies = {each.id: each.currency for each in organizations}
    prices = prices_for(list(currencies), set(currencies.values()))
    found: dict[int, list[Stretch]] = {each.id: [] for each in organizations}
    for month, part in window.months():
        for organization_id, some in _month_part(currencies, prices, month, part, step).items():
            found[organization_id] += some
    return found


def _month_part(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Mapping[int, list[Stretch]]:
    before: dict[tuple[int, Line], int] = defaultdict(int)
    for key, passage in _priced(
        currencies, prices, month, Window(month.start_hour, part.start_hour), Step.MONTH
    ):
        before[key] += passage.quantity_nano
    within: dict[tuple[int, Line], dict[int, int]] = defaultdict(dict)
    for key, passage in _priced(currencies, prices, month, part, step):
        at = part.start_hour if step is Step.MONTH else max(part.start_hour, passage.hour)
        points = within[key]
        points[at] = points.get(at, 0) + passage.quantity_nano
    found: dict[int, list[Stretch]] = defaultdict(list)
    for (organization_id, line), points in within.items():
        passed = before[organization_id, line]
        hours = sorted(points)
        cents = line.meter.series(passed, [points[hour] for hour in hours])
        parts = [Point(hour, points[hour], cost) for hour, cost in zip(hours, cents, strict=True)]
        found[organization_id].append(Stretch(line, passed, parts))
    return found


def _priced(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[tuple[int, Line], _Passage]]:
    """Yield what passed in a part of one month with the line it passed, in the order of time."""
    if part.hours == 0:
        return
    end_day = -(-part.end_hour // HOURS_A_DAY)
    for start, end in prices.segments(part.start_hour // HOURS_A_DAY, end_day):
        lower = max(part.start_hour, start * HOURS_A_DAY)
        upper = min(part.end_hour, end * HOURS_A_DAY)
        for passage in _passages(list(currencies), lower, upper, step):
            currency = currencies[passage.organization_id]
            pico = prices.pico(passage.product_id, currency, start)
            line = Line(month, passage.project_id, passage.product_id, pico, currency)
            yield (passage.organization_id, line), passage


def _passages(organization_ids: Sequence[int], start: int, end: int, step: Step) -> Iterator[_Passage]:
    """Sum `[start, end)` hours by step: whole days from usage_day, cut days and hours from usage_hour."""
    if step is Step.HOUR:
        yield from _sums(organization_ids, UsageHour.hour, start, end, step)
        return
    first_midnight = -(-start // HOURS_A_DAY) * HOURS_A_DAY
    last_midnight = end // HOURS_A_DAY * HOURS_A_DAY
    if first_midnight >= last_midnight:
        yield from _sums(organization_ids, UsageHour.hour, start, end, step)
        return
    yield from _sums(organization_ids, UsageHour.hour, start, first_midnight, step)
    days = first_midnight // HOURS_A_DAY, last_midnight // HOURS_A_DAY
    yield from _sums(organization_ids, UsageDay.day, *days, step)
    yield from _sums(organization_ids, UsageHour.hour, last_midnight, end, step)


def _sums(
    organization_ids: Sequence[int], column: InstrumentedAttribute[int], start: int, end: int, step: Step
) -> Iterator[_Passage]:
    if start >= end:
        return
    is_day = column.class_ is UsageDay
    table, column_hours = (UsageDay, HOURS_A_DAY) if is_day else (UsageHour, 1)
    line = (table.organization_id, Subscription.project_id, Subscription.product_id)
    at, point_hours = _point(column, column_hours, step)
    query = (
        select(
            *line,
            at.label("at"),
            func.sum(table.quantity // NANO),
            func.sum(table.quantity % NANO),
        )
        .join(
            Subscription,
            (Subscription.organization_id == table.organization_id)
            & (Subscription.id == table.subscription_id),
        )
        .where(table.organization_id.in_(organization_ids), column >= start, column < end)
        .group_by(*line, *([] if step is Step.MONTH else ["at"]))
    )
    for organization_id, project_id, product_id, when, high, low in db.session.execute(query):
        hour = start * column_hours if step is Step.MONTH else when * point_hours
        yield _Passage(organization_id, project_id, product_id, hour, int(high) * NANO + int(low))


def _point(
    column: InstrumentedAttribute[int], column_hours: int, step: Step
) -> tuple[ColumnElement[int], int]:
    """Return what tells the points of a step apart in a column, and how many hours its unit has."""
    if step is Step.MONTH:
        return func.min(column), 0
    if step is Step.DAY and column_hours == 1:
        return column // HOURS_A_DAY, HOURS_A_DAY
    return column + 0, column_hours
