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


class UsageLine(NamedTuple):
    """A line of a month's usage, the unit of rounding. `price_pico` is of the currency's major unit."""

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


class DataPoint(NamedTuple):
    """A part of rated usage: its first hour, its quantity, and the amount that it added to the bill."""

    hour: int
    quantity_nano: int
    cents: int

    def with_more(self, other: DataPoint) -> DataPoint:
        """Return this point with more usage of its hour."""
        return DataPoint(self.hour, self.quantity_nano + other.quantity_nano, self.cents + other.cents)


@dataclass(frozen=True, slots=True)
class RatedUsage:
    """The usage of a line within a window, in order. Its points add up to it, to the cent.

    `batch` tells the month's own usage (USAGE) from usage that came after it was invoiced: the number of the
    invoice that billed a correction, or PENDING.
    """

    line: UsageLine
    quantity_before_nano: int
    points: Sequence[DataPoint]
    batch: int = USAGE

    @property
    def quantity_nano(self) -> int:
        return sum(point.quantity_nano for point in self.points)

    @property
    def cost(self) -> Money:
        return Money(sum(point.cents for point in self.points), self.line.currency)


def rated_usage(
    organization: Organization, window: Window, step: Step = Step.MONTH, prices: PriceBook | None = None
) -> list[RatedUsage]:
    """Return what an organization used in a window, line by line, in the order of months."""
    return rated_usage_by_organization([organization], window, step, prices)[organization.id]


def rated_usage_by_organization(
    organizations: Sequence[Organization],
    window: Window,
    step: Step = Step.MONTH,
    prices: PriceBook | None = None,
) -> Mapping[int, list[RatedUsage]]:
    """Return the same for several organizations at once: {organization id: its rated usage}.

    Prices are read unless the caller has them: those of all that these organizations subscribed to.
    """
    currencies = {organization.id: organization.currency for organization in organizations}
    book = prices or prices_for(list(currencies), set(currencies.values()))
    rated: dict[int, list[RatedUsage]] = {organization.id: [] for organization in organizations}
    for month, part in window.months():
        for organization_id, usage in _month_part(currencies, book, month, part, step):
            rated[organization_id].append(usage)
    return rated


def _month_part(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[int, RatedUsage]]:
    """Yield (organization id, rated usage) of a part of one month, its corrections last."""
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
        yield key[0], _rated(_line_of(key, month, currencies), before[key], points, USAGE)
    yield from _corrections(currencies, prices, month, part, step)


def _point_hour(hour: int, part: Window, step: Step) -> int:
    """Return the hour at which the point of an hour starts."""
    if step is Step.MONTH:
        return part.start_hour
    if step is Step.DAY:
        return max(part.start_hour, hour // HOURS_A_DAY * HOURS_A_DAY)
    return hour


def _rated(line: UsageLine, quantity_before_nano: int, points: Mapping[int, int], batch: int) -> RatedUsage:
    hours = sorted(points)
    cents = line.rated.series(quantity_before_nano, [points[hour] for hour in hours])
    rated_points = [DataPoint(hour, points[hour], cost) for hour, cost in zip(hours, cents, strict=True)]
    return RatedUsage(line, quantity_before_nano, rated_points, batch)


def _corrections(
    currencies: Mapping[int, str], prices: PriceBook, month: Month, part: Window, step: Step
) -> Iterator[tuple[int, RatedUsage]]:
    """Yield what came after a month was invoiced, batch by batch: each counts after all before it."""
    whole = Window(month.start_hour, month.end_hour)
    late = _late_deltas(currencies, prices, whole)
    if not late:
        return
    used_nano: Counter[_Key] = Counter()
    corrected = {organization_id: currencies[organization_id] for organization_id, *_ in late}
    for key, usage in _priced(corrected, prices, whole, Step.MONTH):
        used_nano[key] += usage.quantity_nano
    for key, batches in late.items():
        line = _line_of(key, month, currencies)
        for batch in sorted(batches):
            before_nano, points = used_nano[key], Counter[int]()
            for hour, delta_nano in batches[batch].items():
                if hour < part.start_hour:
                    before_nano += delta_nano
                elif hour < part.end_hour:
                    points[_point_hour(hour, part, step)] += delta_nano
                used_nano[key] += delta_nano
            if points:
                yield key[0], _rated(line, before_nano, points, batch)


def _late_deltas(
    currencies: Mapping[int, str], prices: PriceBook, whole: Window
) -> Mapping[_Key, Mapping[int, Mapping[int, int]]]:
    """Return {line: {batch: {hour: nano-units}}} of what came late for a month."""
    late: dict[_Key, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for batch, delta in late_usage_sums(list(currencies), whole):
        organization_id, project_id, product_id, hour, delta_nano = delta
        pico = prices.pico(product_id, currencies[organization_id], hour // HOURS_A_DAY)
        late[organization_id, project_id, product_id, pico][batch][hour] = delta_nano
    return late


def _line_of(key: _Key, month: Month, currencies: Mapping[int, str]) -> UsageLine:
    organization_id, project_id, product_id, price_pico = key
    return UsageLine(month, project_id, product_id, price_pico, currencies[organization_id])


def _priced(
    currencies: Mapping[int, str], prices: PriceBook, part: Window, step: Step
) -> Iterator[tuple[_Key, UsageSum]]:
    """Yield the usage of a part of one month with its line, in the order of time."""
    if part.hours == 0:
        return
    end_day = -(-part.end_hour // HOURS_A_DAY)
    for start, end in prices.segments(part.start_hour // HOURS_A_DAY, end_day):
        lower = max(part.start_hour, start * HOURS_A_DAY)
        upper = min(part.end_hour, end * HOURS_A_DAY)
        picos: dict[tuple[int, str], int] = {}  # no price changes within a segment
        for usage in usage_sums(list(currencies), lower, upper, step):
            organization_id, project_id, product_id, _, _ = usage
            price = product_id, currencies[organization_id]
            pico = picos.get(price)
            if pico is None:
                pico = picos[price] = prices.pico(*price, start)
            yield (organization_id, project_id, product_id, pico), usage
