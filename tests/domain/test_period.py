"""Hours, days and months in UTC: they tile time, and nothing is guessed."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.period import (
    HOURS_A_DAY,
    Month,
    Window,
    date_of,
    day_of,
    hour_after,
    hour_of,
    start_of_hour,
)
from tests.properties import examples

many = examples(200)
months = st.builds(Month, st.integers(1970, 9000), st.integers(1, 12))
hours = st.integers(0, 60 * 366 * 24)
instants = st.datetimes(
    dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC), allow_imaginary=False
)


# -- hours ------------------------------------------------------------------------------------------
@many
@given(instants)
def test_an_instant_lies_in_its_hour(at):
    assert start_of_hour(hour_of(at)) <= at < start_of_hour(hour_of(at) + 1)


@many
@given(instants)
def test_window_edges_round_up_to_whole_hours(at):
    assert start_of_hour(hour_after(at)) >= at
    assert start_of_hour(hour_after(at) - 1) < at


@many
@given(hours)
def test_a_full_hour_is_its_own_edge(hour):
    assert hour_after(start_of_hour(hour)) == hour_of(start_of_hour(hour)) == hour


def test_a_microsecond_after_the_hour_belongs_to_the_next_edge():
    at = dt.datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC)
    assert hour_after(at) == hour_of(at) + 1


def test_the_last_second_of_a_month_and_the_next_midnight_mean_the_same_edge():
    last = dt.datetime(2026, 1, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert hour_after(last) == hour_after(dt.datetime(2026, 2, 1, tzinfo=dt.UTC)) == Month(2026, 1).end_hour


def test_an_hour_counts_from_1970():
    assert hour_of(dt.datetime(1970, 1, 1, 1, 59, tzinfo=dt.UTC)) == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Casablanca"])
def test_an_hour_is_the_same_whatever_the_zone_of_its_instant(zone):
    at = dt.datetime(2026, 3, 29, 0, 59, tzinfo=dt.UTC)
    assert hour_of(at.astimezone(ZoneInfo(zone))) == hour_of(at)


def test_the_hour_that_berlin_has_twice_is_two_hours():
    berlin = ZoneInfo("Europe/Berlin")
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    second = first.replace(fold=1)
    assert hour_of(second.astimezone(dt.UTC)) - hour_of(first.astimezone(dt.UTC)) == 1


@pytest.mark.parametrize("reads", [hour_of, hour_after])
def test_an_instant_without_a_zone_is_a_mistake(reads):
    with pytest.raises(AssertionError):
        reads(dt.datetime(2026, 1, 1))


@many
@given(st.integers(-100_000, 100_000))
def test_a_day_number_converts_to_a_date_and_back(day):
    assert day_of(date_of(day)) == day


# -- months -----------------------------------------------------------------------------------------
def test_every_hour_of_2023_to_2028_lies_in_exactly_one_month():
    first, last = Month(2023, 1), Month(2028, 12)
    owners = []
    month = first
    while month <= last:
        owners += [month] * (month.end_hour - month.start_hour)
        month = month.shifted(1)
    assert first.start_hour + len(owners) == last.end_hour
    for offset, owner in enumerate(owners):
        assert Month.of_day((first.start_hour + offset) // HOURS_A_DAY) == owner


@many
@given(months)
def test_a_month_ends_where_the_next_one_starts(month):
    assert month.end_hour == month.shifted(1).start_hour
    assert month.end_day == month.shifted(1).start_day
    assert month.ends_at == month.shifted(1).starts_at


@many
@given(months)
def test_a_month_contains_its_own_edges(month):
    assert Month.of(month.starts_at) == month
    assert Month.of(month.ends_at - dt.timedelta(microseconds=1)) == month
    assert Month.of(month.ends_at) == month.shifted(1)
    assert Month.of_day(day_of(month.last_on)) == month


@many
@given(months, st.integers(-500, 500), st.integers(-500, 500))
def test_shifting_a_month_twice_is_shifting_it_by_the_sum(month, one, other):
    assert month.shifted(one).shifted(other) == month.shifted(one + other)


@many
@given(months, months)
def test_months_are_ordered_as_time_is(one, other):
    assert (one < other) == (one.start_hour < other.start_hour)
    assert (str(one) < str(other)) == (one < other)  # what SQL compares


@many
@given(months)
def test_a_month_is_read_as_it_is_written(month):
    assert Month.parse(str(month)) == month


@pytest.mark.parametrize(
    ("year", "days"), [(2023, 28), (2024, 29), (2025, 28), (2028, 29), (2000, 29), (2100, 28)]
)
def test_february_has_a_leap_day_when_the_year_leaps(year, days):
    february = Month(year, 2)
    assert february.end_day - february.start_day == days
    assert february.last_on == dt.date(year, 2, days)


@pytest.mark.parametrize(("number", "days"), [(1, 31), (3, 31), (4, 30), (12, 31)])
def test_a_calendar_month_has_its_own_length(number, days):
    month = Month(2026, number)
    assert month.end_hour - month.start_hour == days * HOURS_A_DAY


@pytest.mark.parametrize("number", [3, 10])
def test_a_month_with_a_clock_change_in_berlin_still_has_its_hours_in_utc(number):
    assert Month(2026, number).end_hour - Month(2026, number).start_hour == 744


def test_december_is_followed_by_january():
    assert Month(2025, 12).shifted(1) == Month(2026, 1)
    assert Month(2026, 1).shifted(-1) == Month(2025, 12)


def test_the_month_of_an_instant_is_that_of_utc():
    berlin = dt.datetime(2026, 2, 1, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Month.of(berlin) == Month(2026, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-1",
        "2026-00",
        "2026-13",
        "26-01",
        "2026-01-01",
        " 2026-01",
        "2026-01\n",
        "2026/01",
        "1969-12",
        "0000-01",
        "-2026-01",
        "+2026-01",
        "2026-01x",
        "２０２６-01",
        "٢٠٢٦-01",
        "2026−01",
    ],
)
def test_a_text_that_is_no_month_since_1970_is_refused(text):
    with pytest.raises(ValueError):
        Month.parse(text)


def test_the_first_month_is_january_1970():
    assert Month.parse("1970-01").start_hour == 0


# -- windows ----------------------------------------------------------------------------------------
@many
@given(hours, st.integers(0, 20_000))
def test_the_months_of_a_window_tile_it(start, length):
    window = Window(start, start + length)
    parts = list(window.months())
    assert sum(part.hours for _, part in parts) == window.hours == length
    if parts:
        assert (parts[0][1].start_hour, parts[-1][1].end_hour) == (start, start + length)
    for (month, part), (next_month, next_part) in pairwise(parts):
        assert part.end_hour == next_part.start_hour == month.end_hour
        assert next_month == month.shifted(1)


@many
@given(hours, st.integers(0, 20_000))
def test_each_part_of_a_window_lies_in_its_month(start, length):
    for month, part in Window(start, start + length).months():
        assert month.start_hour <= part.start_hour < part.end_hour <= month.end_hour


@pytest.mark.parametrize("length", [0, -5])
def test_an_empty_window_has_no_months_and_no_hours(length):
    window = Window(1000, 1000 + length)
    assert list(window.months()) == []
    assert window.hours == 0
