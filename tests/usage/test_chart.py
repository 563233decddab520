"""The geometry of the usage chart: whole numbers, and nothing is lost on the way from the bill."""

import re
from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import Money, exponent_of
from portal.domain.period import Window
from portal.ledger.rating import DataPoint
from portal.ledger.usage_sums import Step
from portal.models import ProductName, ProjectName
from portal.usage.chart import COLUMN_WIDTH, HEIGHT, OTHER, axis_step, stacked_bars
from portal.usage.page import OWN, By, named_points
from tests.factories import JANUARY, hour_at
from tests.properties import examples

MONTH = Window(JANUARY.start_hour, JANUARY.end_hour)
RECTANGLE = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-([\d.]+)z")


@dataclass
class Line:
    product: ProductName
    points: list[DataPoint]

    @property
    def total(self):
        return Money(sum(point.cents for point in self.points), "EUR")


@dataclass
class Part:
    project: ProjectName | None
    products: list[Line]

    @property
    def total(self):
        return Money(sum(line.total.cents for line in self.products), "EUR")


def line(name, cents_by_hour):
    points = [DataPoint(hour, 10**9, cents) for hour, cents in cents_by_hour.items()]
    return Line(ProductName(1, uuid4(), name, "hour"), points)


def part(name, *lines):
    return Part(name and ProjectName(1, uuid4(), name), list(lines))


def bars(*parts, window=MONTH, step=Step.DAY, by=By.PRODUCT, currency="EUR"):
    return stacked_bars(named_points(parts, by), window, step, currency)


def rectangles(path):
    return [tuple(Decimal(each) for each in found) for found in RECTANGLE.findall(path)]


@pytest.mark.parametrize(
    ("peak", "currency", "step"),
    [
        ("0", "EUR", "0.01"),
        ("0.04", "EUR", "0.01"),
        ("0.05", "EUR", "0.02"),
        ("0.09", "EUR", "0.03"),
        ("1", "EUR", "0.25"),
        ("4", "EUR", "1"),
        ("4.01", "EUR", "1.5"),
        ("10", "EUR", "2.5"),
        ("10", "JPY", "3"),
        ("100.01", "EUR", "30"),
        ("39.99", "EUR", "10"),
        ("0", "JPY", "1"),
        ("5", "JPY", "2"),
        ("0.001", "KWD", "0.001"),
        ("123456789", "EUR", "40000000"),
    ],
)
def test_four_round_steps_of_the_axis_cover_the_peak(peak, currency, step):
    found = axis_step(Decimal(peak), currency)

    assert found == Decimal(step)
    assert "E" not in str(found)


@examples(100)
@given(st.integers(0, 10**15), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_the_axis_always_covers_the_peak_in_whole_minor_units(minor, currency):
    peak = Money(minor, currency).major
    step = axis_step(peak, currency)

    assert 4 * step >= peak
    assert (step.scaleb(exponent_of(currency))) % 1 == 0
    assert 4 * step <= max(2 * peak, Decimal(8).scaleb(-exponent_of(currency))), "no bar is tiny"


def test_ticks_of_the_axis_go_from_the_top_down_to_zero():
    chart = bars(part("p", line("vm", {JANUARY.start_hour: 390})))

    assert chart.ticks == [4, 3, 2, 1, 0]


def test_days_without_usage_have_a_column_in_the_chart():
    chart = bars(part("p", line("vm", {hour_at(JANUARY, 13): 100})))

    assert [column.hour for column in chart.columns] == [hour_at(JANUARY, day) for day in range(1, 32)]
    assert [column.total.cents for column in chart.columns] == [
        100 if day == 13 else 0 for day in range(1, 32)
    ]
    assert chart.width == 31 * COLUMN_WIDTH


def test_hours_of_a_day_share_its_column_in_the_chart():
    chart = bars(part("p", line("vm", {hour_at(JANUARY, 2, 3): 1, hour_at(JANUARY, 2, 20): 2})))

    assert chart.columns[1].total == Money(3, "EUR")


def test_a_chart_of_a_window_that_begins_within_a_day_begins_with_that_day():
    window = Window(hour_at(JANUARY, 5, 7), hour_at(JANUARY, 7, 3))
    chart = bars(part("p", line("vm", {window.start_hour: 5, hour_at(JANUARY, 7): 6})), window=window)

    assert [column.hour for column in chart.columns] == [
        window.start_hour,
        hour_at(JANUARY, 6),
        hour_at(JANUARY, 7),
    ]
    assert [column.total.cents for column in chart.columns] == [5, 0, 6]


def test_a_chart_by_month_has_a_column_for_each_month():
    window = Window(JANUARY.shifted(-2).start_hour, JANUARY.end_hour)
    chart = bars(window=window, step=Step.MONTH)

    assert [column.hour for column in chart.columns] == [
        JANUARY.shifted(months).start_hour for months in (-2, -1, 0)
    ]


def test_a_chart_of_more_hours_than_there_is_room_for_is_drawn_by_day():
    chart = bars(part("p", line("vm", {hour_at(JANUARY, 1, 5): 7})), step=Step.HOUR)

    assert (chart.step, len(chart.columns), chart.columns[0].total.cents) == (Step.DAY, 31, 7)


def test_a_chart_of_one_day_is_drawn_by_hour():
    window = Window(hour_at(JANUARY, 1), hour_at(JANUARY, 2))
    chart = bars(part("p", line("vm", {hour_at(JANUARY, 1, 5): 7})), step=Step.HOUR, window=window)

    assert (chart.step, len(chart.columns), chart.columns[5].total.cents) == (Step.HOUR, 24, 7)


def products(*cents):
    return part(
        "p", *(line(f"product {place}", {JANUARY.start_hour: each}) for place, each in enumerate(cents))
    )


def test_six_products_are_shown_by_name_in_the_chart():
    chart = bars(products(60, 50, 40, 30, 20, 10))

    assert [each.name for each in chart.series] == [f"product {place}" for place in range(6)]


def test_of_more_than_six_products_the_chart_shows_the_five_largest_and_the_rest_as_one():
    chart = bars(products(10, 20, 30, 40, 50, 60, 70))

    assert [each.name for each in chart.series] == [
        "product 6",
        "product 5",
        "product 4",
        "product 3",
        "product 2",
        OTHER,
    ]
    assert [amount.cents for amount in chart.columns[0].amounts] == [70, 60, 50, 40, 30, 30]


@pytest.mark.parametrize("cents", [5, 1000])
def test_a_product_that_is_called_other_is_not_lost_in_the_chart(cents):
    usage = products(10, 20, 30, 40, 50, 60, 70)
    usage.products.append(line(OTHER, {JANUARY.start_hour: cents}))
    chart = bars(usage)

    assert chart.columns[0].total == usage.total
    assert len(chart.series) == 6


@pytest.mark.parametrize("count", [1, 3, 6, 7, 20])
def test_no_two_series_of_the_chart_share_a_colour(count):
    chart = bars(products(*range(1, count + 1)))
    colours = [each.colour for each in chart.series]

    assert len(set(colours)) == len(colours)
    assert set(colours) <= set(range(1, 7))


def test_the_colour_of_a_series_goes_with_its_name_and_not_with_its_rank():
    one = {each.name: each.colour for each in bars(products(10, 20, 30)).series}
    other = {each.name: each.colour for each in bars(products(30, 20, 10)).series}

    assert one == other


def test_bars_of_the_chart_stack_by_project_too():
    hour = JANUARY.start_hour
    chart = bars(
        part("web", line("vm", {hour: 30}), line("disk", {hour: 5})),
        part(None, line("support", {hour: 7})),
        by=By.PROJECT,
    )

    assert [each.name for each in chart.series] == ["web", OWN]
    assert [amount.cents for amount in chart.columns[0].amounts] == [35, 7]


def test_bars_of_the_chart_stand_on_one_another():
    chart = bars(part("p", line("a", {JANUARY.start_hour: 100}), line("b", {JANUARY.start_hour: 50})))
    top = 4 * axis_step(Decimal("1.5"), "EUR")
    (lower,), (upper,) = (rectangles(each.path) for each in chart.series)

    assert lower[1] + lower[3] == HEIGHT
    assert upper[1] + upper[3] == lower[1]
    assert HEIGHT - upper[1] == pytest.approx(HEIGHT * Decimal("1.5") / top, abs=Decimal("0.2"))


def test_bars_of_the_chart_stay_within_their_column_and_below_the_top():
    chart = bars(part("p", line("a", {hour_at(JANUARY, day): day * 37 for day in range(1, 32)})))
    (series,) = chart.series
    for place, (x, y, width, height, back) in enumerate(rectangles(series.path)):
        assert place * COLUMN_WIDTH < x
        assert x + width < (place + 1) * COLUMN_WIDTH
        assert y >= 0
        assert y + height == HEIGHT
        assert width == back


def test_a_free_product_draws_no_bar():
    chart = bars(part("p", line("free", {JANUARY.start_hour: 0})))

    assert [each.path for each in chart.series] == [""]


def test_an_empty_chart_is_drawn_in_the_currency_of_its_organization():
    chart = bars(currency="JPY")

    assert (chart.currency, chart.ticks, chart.series) == ("JPY", [4, 3, 2, 1, 0], [])
    assert chart.columns[0].total == Money(0, "JPY")
