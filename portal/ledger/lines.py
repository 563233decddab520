"""The one way usage is priced: page, JSON, invoice and legal document all ask here.

A line is one (month, project, product, unit price) of an organization; domain/rating has its arithmetic.
SQL sums quantities (`usage_sums`); all money is Python's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.domain.rating import RatedLine, price_of
from portal.ledger.prices import PriceBook, prices_for
from portal.ledger.usage_sums import USAGE, Step, UsageSum, late_usage_sums, usage_sums
from portal.models import Organization

_Key = tuple[int, int | None, int, int]  # a line of one month: organization, project, product, pico-units


class Line(NamedTuple):
    """The unit of rounding. `price_pico` is in pico-units of the currency's major unit."""

    month: Month
    project_id: int | None
    product_id: int
    price_pico: int
    currency: str

    @property
    def rated(self) -> RatedLine:
        return RatedLine(self.price_pico, self.currency)

    @property
    def unit_price(self) -> Decimal:
        return price_of(self.price_pico)


class Point(NamedTuple):
    """A part of a stretch: the hour it starts at, what was used in it, what that added to the bill."""

    hour: int
    quantity_nano: int
    cents: int

    def with_more(self, other: Point) -> Point:
        """Return this point with what else was used in it."""
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


def stretches(
    organization: Organization, window: Window, step: Step = Step.MONTH, prices: PriceBook | None = None
) -> list[Stretch]:
    """Return what an organization used in a window, line by line, in the order of months."""
    return stretches_by_organization([organization], window, step, prices)[organization.id]


def stretches_by_organization(
    organizations: Sequence[Organization],
    window: Window,
    step: Step = Step.MONTH,
    prices: PriceBook | None = None,
) -> Mapping[int, list[Stretch]]:
    """Return the same for several organizations at once: {organization id: stretches}.

    Prices are read unless the caller has them: those of all that these organizations subscribed to.
    """
    currencies = {each.id: each.currency for each in organizations}
    book = prices or prices_for(list(currencies), set(currencies.values()))
    found: dict[int, list[Stretch]] = {each.id: [] for each in organizations}
    for month, part in window.months():
        for organization_id, some in _month_part(currencies, book, month, part, step).items():
            found[organization_id] += some
    return found


def _month_part(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Mapping[int, list[Stretch]]:
    found: dict[int, list[Stretch]] = defaultdict(list)
    before: Counter[_Key] = Counter()
    start = Window(month.start_hour, part.start_hour)
    for key, usage in _priced(currencies, prices, start, Step.MONTH):
        before[key] += usage.quantity_nano
    within: dict[_Key, dict[int, int]] = defaultdict(dict)
    is_one_point = step is Step.MONTH
    for key, usage in _priced(currencies, prices, part, step):
        points, hour = within[key], usage.hour  # at which its step starts: that of a cut day is too early
        if is_one_point or hour < part.start_hour:
            hour = part.start_hour
        points[hour] = points.get(hour, 0) + usage.quantity_nano
    for key, points in within.items():
        line = _line_of(key, month, currencies)
        found[key[0]].append(_stretch(line, before[key], points, USAGE))
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
    cents = line.rated.series(before_nano, [points[hour] for hour in hours])
    parts = [Point(hour, points[hour], cost) for hour, cost in zip(hours, cents, strict=True)]
    return Stretch(line, before_nano, parts, batch)


def _corrections(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[int, Stretch]]:
    """Yield what came after a month was invoiced, batch by batch: each passes after all before it."""
    batches: dict[_Key, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    whole = Window(month.start_hour, month.end_hour)
    for batch, usage in late_usage_sums(list(currencies), whole):
        owner, product_id = usage.organization_id, usage.product_id
        pico = prices.pico(product_id, currencies[owner], usage.hour // HOURS_A_DAY)
        key = owner, usage.project_id, product_id, pico
        batches[key][batch][usage.hour] = usage.quantity_nano
    if not batches:
        return
    late = {owner: currencies[owner] for owner, *_ in batches}
    passed: Counter[_Key] = Counter()
    for key, usage in _priced(late, prices, whole, Step.MONTH):
        passed[key] += usage.quantity_nano
    for key, by_batch in batches.items():
        line = _line_of(key, month, currencies)
        for batch in sorted(by_batch):
            before, points = passed[key], Counter[int]()
            for hour, delta in by_batch[batch].items():
                if hour < part.start_hour:
                    before += delta
                elif hour < part.end_hour:
                    points[_point_of(hour, part, step)] += delta
                passed[key] += delta
            if points:
                yield key[0], _stretch(line, before, points, batch)


def _line_of(key: _Key, month: Month, currencies: Mapping[int, str]) -> Line:
    owner, project_id, product_id, price_pico = key
    return Line(month, project_id, product_id, price_pico, currencies[owner])


def _priced(
    currencies: Mapping[int, str], prices: PriceBook, part: Window, step: Step
) -> Iterator[tuple[_Key, UsageSum]]:
    """Yield what passed in a part of one month with the line it passed, in the order of time."""
    if part.hours == 0:
        return
    end_day = -(-part.end_hour // HOURS_A_DAY)
    for start, end in prices.segments(part.start_hour // HOURS_A_DAY, end_day):
        lower = max(part.start_hour, start * HOURS_A_DAY)
        upper = min(part.end_hour, end * HOURS_A_DAY)
        picos: dict[tuple[int, str], int] = {}  # no price changes within a segment
        for usage in usage_sums(list(currencies), lower, upper, step):
            owner, project_id, product_id, _, _ = usage
            price = product_id, currencies[owner]
            pico = picos.get(price)
            if pico is None:
                pico = picos[price] = prices.pico(*price, start)
            yield (owner, project_id, product_id, pico), usage
