"""The one way usage is priced: page, JSON, invoice and legal document all ask here.

A line is one (month, project, product, unit price) of an organization, and a meter: see domain/rating.
SQL sums quantities (`passages`); all money is Python's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.domain.rating import Meter, price_of
from portal.ledger.passages import USAGE, Passage, Step, late_passages, passages
from portal.ledger.prices import PriceBook, prices_for
from portal.models import Organization


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
        for passage in passages(list(currencies), lower, upper, step):
            line = _line_of(passage, month, currencies, prices)
            yield (passage.organization_id, line), passage
