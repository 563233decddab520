"""Geometry of the usage chart, in whole numbers: the template draws it, the style sheet colours it."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from portal.domain.money import Money, exponent_of
from portal.domain.period import HOURS_A_DAY, Window
from portal.ledger.rating import DataPoint
from portal.ledger.usage_sums import Step

COLUMN_WIDTH = 10
HEIGHT = 1000
_GAP_TENTHS = 14
_COLOURS = 6
_COLUMNS_MAX = 62
_TICKS = 4
_ROUND_STEPS = [Decimal(step) for step in "1 1.5 2 2.5 3 4 5 6 8 10".split()]
OTHER = "Other"
NamedPoints = tuple[str, Sequence[DataPoint]]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the chart: `colour` is 1 to 6, `path` draws all of its bars."""

    name: str
    colour: int
    path: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bar: the hour it starts at, its amounts from the bottom up, and their sum."""

    hour: int
    amounts: Sequence[Money]
    total: Money


@dataclass(frozen=True, slots=True)
class StackedBars:
    """A chart. `step` is what a column stands for; `ticks` are major units, the highest first."""

    step: Step
    series: Sequence[Series]
    columns: Sequence[Column]
    ticks: Sequence[Decimal]
    currency: str

    @property
    def width(self) -> int:
        return len(self.columns) * COLUMN_WIDTH


def stacked_bars(
    named_points: Sequence[NamedPoints], window: Window, step: Step, currency: str
) -> StackedBars:
    """Stack the points of each name, a column for each step of a priced window."""
    if step is Step.HOUR and window.hours > _COLUMNS_MAX:
        step = Step.DAY
    starts: dict[int, int] = {}  # of the columns, by hour
    cents: dict[str, Counter[int]] = {}
    for name, points in named_points:
        counter = cents.setdefault(name, Counter())
        for point in points:
            start = starts.get(point.hour)
            if start is None:
                start = starts[point.hour] = _column_of(point.hour, window, step)
            counter[start] = counter.get(start, 0) + point.cents
    names = _shown(cents)
    columns = [_column(hour, names, cents, currency) for hour in _hours(window, step)]
    peak = max((column.total.major for column in columns), default=Decimal(0))
    tick = axis_step(peak, currency)
    top_cents = int((tick * _TICKS).scaleb(exponent_of(currency)))
    # Alphabetically: a colour goes with the name, not with its rank.
    colours = _colours(list(names), sorted({name for name, _ in named_points}))
    paths = _paths(columns, len(names), top_cents)
    series = [Series(name, colour, path) for name, colour, path in zip(names, colours, paths, strict=True)]
    return StackedBars(step, series, columns, [tick * count for count in range(_TICKS, -1, -1)], currency)


def axis_step(peak: Decimal, currency: str) -> Decimal:
    """Return the smallest round step of which four cover the peak: 0.01, 0.25, 1, 30."""
    smallest = Decimal(1).scaleb(-exponent_of(currency))
    raw = max(peak, smallest * _TICKS) / _TICKS
    magnitude = Decimal(1).scaleb(raw.adjusted())
    for factor in _ROUND_STEPS:
        step = factor * magnitude
        if step >= raw and step % smallest == 0:
            return step.normalize() if step < 1 else step.quantize(smallest).normalize() + 0
    return magnitude * 10


def _shown(cents: Mapping[str, Counter[int]]) -> Mapping[str, Sequence[str]]:
    """Return {shown name: names in it}: all of up to six, else the five largest and the rest as one."""
    by_cost = sorted(cents, key=lambda name: (-sum(cents[name].values()), name))
    if len(by_cost) <= _COLOURS:
        return {name: [name] for name in by_cost}
    largest = [name for name in by_cost if name != OTHER][: _COLOURS - 1]  # something may be called so
    return {name: [name] for name in largest} | {OTHER: [name for name in by_cost if name not in largest]}


def _colours(shown: Sequence[str], ordered: Sequence[str]) -> Sequence[int]:
    taken: dict[Hashable, int] = {OTHER: _COLOURS} if OTHER in shown else {}
    for name in sorted(name for name in shown if name != OTHER):
        free = [colour for colour in range(1, _COLOURS + 1) if colour not in taken.values()]
        own_colour = ordered.index(name) % _COLOURS + 1
        taken[name] = own_colour if own_colour in free else free[0]
    return [taken[name] for name in shown]


def _hours(window: Window, step: Step) -> Sequence[int]:
    """Return the hours at which columns start, those without usage too."""
    if step is Step.MONTH:
        return [part.start_hour for _, part in window.months()]
    if step is Step.HOUR:
        return range(window.start_hour, window.end_hour)
    first_midnight = window.start_hour // HOURS_A_DAY * HOURS_A_DAY
    midnights = range(first_midnight, window.end_hour, HOURS_A_DAY)
    return [_column_of(midnight, window, step) for midnight in midnights]


def _column_of(hour: int, window: Window, step: Step) -> int:
    """Return the hour at which the column of an hour starts."""
    if step is Step.DAY:
        return max(window.start_hour, hour // HOURS_A_DAY * HOURS_A_DAY)
    return hour


def _column(
    hour: int, names: Mapping[str, Sequence[str]], cents: Mapping[str, Counter[int]], currency: str
) -> Column:
    parts = [sum([cents[name].get(hour, 0) for name in merged]) for merged in names.values()]
    return Column(hour, [Money(part, currency) for part in parts], Money(sum(parts), currency))


def _paths(columns: Sequence[Column], count: int, top_cents: int) -> Sequence[str]:
    paths: list[list[str]] = [[] for _ in range(count)]
    width = _tenths(COLUMN_WIDTH * 10 - 2 * _GAP_TENTHS)
    for index, column in enumerate(columns):
        x = _tenths(index * COLUMN_WIDTH * 10 + _GAP_TENTHS)
        below = 0
        for path, amount in zip(paths, column.amounts, strict=True):
            height = amount.cents * HEIGHT * 10 // top_cents
            if height > 0:
                y = _tenths(HEIGHT * 10 - below - height)
                path.append(f"M{x} {y}h{width}v{_tenths(height)}h-{width}z")
                below += height
    return ["".join(path) for path in paths]


def _tenths(number: int) -> str:
    whole, tenth = divmod(number, 10)
    return f"{whole}.{tenth}" if tenth else str(whole)
