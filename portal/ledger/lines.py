"""The one way usage is priced: page, JSON, invoice and legal document all ask here.

A line is one (month, project, product, unit price) of an organization, and a meter: see domain/rating.
SQL sums quantities as whole numbers in two limbs, which no sum can overflow; all money is Python's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.domain.rating import NANO, Meter, price_of
from portal.extensions import db
from portal.ledger.prices import PriceBook, prices_for
from portal.models import Organization, Subscription, UsageCorrection, UsageDay, UsageHour

USAGE = 0  # invoices are numbered from 1
PENDING = 2**31  # after every invoice


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

    def __add__(self, other: Point) -> Point:
        return Point(self.hour, self.quantity_nano + other.quantity_nano, self.cents + other.cents)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What passed a line within a window, in order. Its points add up to it, to the cent.

    `batch` tells the month's own usage (USAGE) from what came after it was invoiced: the number of the
    invoice that billed a correction, or PENDING.
    """

    line: Line
    before_nano: int
    points: Sequence[Point]
    batch: int = USAGE

    @property
    def quantity_nano(self) -> int:
        return sum(point.quantity_nano for point in self.points)

    @property
    def cost(self) -> Money:
        return Money(sum(point.cents for point in self.points), self.line.currency)


class Passage(NamedTuple):
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
    found: dict[int, list[Stretch]] = defaultdict(list)
    before: Counter[tuple[int, Line]] = Counter()
    start = Window(month.start_hour, part.start_hour)
    for key, passage in _priced(currencies, prices, month, start, Step.MONTH):
        before[key] += passage.quantity_nano
    within: dict[tuple[int, Line], Counter[int]] = defaultdict(Counter)
    for key, passage in _priced(currencies, prices, month, part, step):
        within[key][_point_of(passage.hour, part, step)] += passage.quantity_nano
    for (organization_id, line), points in within.items():
        found[organization_id].append(_stretch(line, before[organization_id, line], points, USAGE))
    for organization_id, stretch in _corrections(currencies, prices, month, part, step):
        found[organization_id].append(stretch)
    return found


def _point_of(hour: int, part: Window, step: Step) -> int:
    """Return the hour at which the point of an hour starts."""
    if step is Step.MONTH:
        return part.start_hour
    if step is Step.DAY:
        return max(part.start_hour, hour // HOURS_A_DAY * HOURS_A_DAY)
    return hour


def _stretch(line: Line, before_nano: int, points: Mapping[int, int], batch: int) -> Stretch:
    hours = sorted(points)
    cents = line.meter.series(before_nano, [points[hour] for hour in hours])
    parts = [Point(hour, points[hour], cost) for hour, cost in zip(hours, cents, strict=True)]
    return Stretch(line, before_nano, parts, batch)


def _corrections(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[int, Stretch]]:
    """Yield what came after a month was invoiced, batch by batch: each passes after all before it."""
    batches: dict[tuple[int, Line], dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for batch, passage in late_passages(list(currencies), Window(month.start_hour, month.end_hour)):
        line = _line_of(passage, month, currencies, prices)
        batches[passage.organization_id, line][batch][passage.hour] = passage.quantity_nano
    if not batches:
        return
    late = {owner: currencies[owner] for owner, _ in batches}
    passed: Counter[tuple[int, Line]] = Counter()
    for key, passage in _priced(late, prices, month, Window(month.start_hour, month.end_hour), Step.MONTH):
        passed[key] += passage.quantity_nano
    for (owner, line), by_batch in batches.items():
        for batch in sorted(by_batch):
            before, points = passed[owner, line], Counter[int]()
            for hour, delta in by_batch[batch].items():
                if hour < part.start_hour:
                    before += delta
                elif hour < part.end_hour:
                    points[_point_of(hour, part, step)] += delta
                passed[owner, line] += delta
            if points:
                yield owner, _stretch(line, before, points, batch)


def late_passages(organization_ids: Sequence[int], window: Window) -> Iterator[tuple[int, Passage]]:
    """Yield (batch, sum of differences) by line and hour, for hours of invoiced months in a window."""
    asked = {"owners": organization_ids, "start": window.start_hour, "end": window.end_hour}
    for batch, owner, project_id, product_id, hour, high, low in db.session.execute(_LATE, asked):
        yield batch, Passage(owner, project_id, product_id, hour, int(high) * NANO + int(low))


def _line_of(passage: Passage, month: Month, currencies: Mapping[int, str], prices: PriceBook) -> Line:
    currency = currencies[passage.organization_id]
    pico = prices.pico(passage.product_id, currency, passage.hour // HOURS_A_DAY)
    return Line(month, passage.project_id, passage.product_id, pico, currency)


def _priced(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[tuple[int, Line], Passage]]:
    """Yield what passed in a part of one month with the line it passed, in the order of time."""
    if part.hours == 0:
        return
    end_day = -(-part.end_hour // HOURS_A_DAY)
    for start, end in prices.segments(part.start_hour // HOURS_A_DAY, end_day):
        lower = max(part.start_hour, start * HOURS_A_DAY)
        upper = min(part.end_hour, end * HOURS_A_DAY)
        for passage in _passages(list(currencies), lower, upper, step):
            line = _line_of(passage, month, currencies, prices)
            yield (passage.organization_id, line), passage


def _passages(organization_ids: Sequence[int], start: int, end: int, step: Step) -> Iterator[Passage]:
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
) -> Iterator[Passage]:
    if start >= end:
        return
    is_day = column.class_ is UsageDay
    asked = {"owners": organization_ids, "start": start, "end": end}
    found = db.session.execute(_sums_query(step, is_day=is_day), asked)
    unit_hours = HOURS_A_DAY if is_day or step is Step.DAY else 1
    start_hour = start * (HOURS_A_DAY if is_day else 1)
    for organization_id, project_id, product_id, at, high, low in found:
        hour = start_hour if step is Step.MONTH else at * unit_hours
        yield Passage(organization_id, project_id, product_id, hour, int(high) * NANO + int(low))


# Statements are made once, of tables rather than classes: making one took longer than asking it.
_days, _hours, _subscriptions, _corrected = (
    model.__table__.c for model in (UsageDay, UsageHour, Subscription, UsageCorrection)
)
_OWNERS: BindParameter[Any] = bindparam("owners", expanding=True)
_START: BindParameter[int] = bindparam("start")
_END: BindParameter[int] = bindparam("end")


@cache
def _sums_query(step: Step, *, is_day: bool) -> Select[Any]:
    """Sum by subscription first: the largest organizations have many days of few subscriptions."""
    used = _days if is_day else _hours
    column = used.day if is_day else used.hour
    at: ColumnElement[int] = column // HOURS_A_DAY if step is Step.DAY and not is_day else column + 0
    if step is Step.MONTH:
        at = literal_column("0")
    by_subscription = (
        select(
            used.organization_id,
            used.subscription_id,
            at.label("at"),
            func.sum(used.quantity // NANO).label("high"),
            func.sum(used.quantity % NANO).label("low"),
        )
        .where(used.organization_id.in_(_OWNERS), column >= _START, column < _END)
        .group_by(used.organization_id, used.subscription_id, *([] if step is Step.MONTH else ["at"]))
        .subquery()
    )
    part = by_subscription.c
    line = part.organization_id, _subscriptions.project_id, _subscriptions.product_id, part.at
    return (
        select(*line, func.sum(part.high), func.sum(part.low))
        .join_from(by_subscription, Subscription.__table__, _is_same_subscription(part))
        .group_by(*line)
    )


def _is_same_subscription(part: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    return and_(
        _subscriptions.organization_id == part.organization_id, _subscriptions.id == part.subscription_id
    )


_LATE = (
    select(
        func.coalesce(_corrected.invoice_id, PENDING).label("batch"),
        _corrected.organization_id,
        _subscriptions.project_id,
        _subscriptions.product_id,
        _corrected.hour,
        func.sum(_corrected.delta // NANO),  # both limbs have the sign of the difference
        func.sum(_corrected.delta % NANO),
    )
    .join_from(UsageCorrection.__table__, Subscription.__table__, _is_same_subscription(_corrected))
    .where(
        _corrected.organization_id.in_(_OWNERS),
        _corrected.hour >= _START,
        _corrected.hour < _END,
        _corrected.delta != 0,
    )
    .group_by(
        "batch",
        _corrected.organization_id,
        _subscriptions.project_id,
        _subscriptions.product_id,
        _corrected.hour,
    )
)
