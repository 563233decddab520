"""What a query string may say of time; anything else is a 422 that names its field."""

import datetime as dt
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

import pytest
from flask import Flask

from portal.domain.errors import ValidationError
from portal.domain.period import Month, Window, hour_of
from portal.web import args
from tests.factories import FEBRUARY, JANUARY, MARCH, NOW, hour_at

APP = Flask("arguments")


def asked(query):
    with APP.test_request_context(f"/?{query}"):
        return args.requested_window(now=NOW)


def problem(query):
    with pytest.raises(ValidationError) as refused:
        asked(query)
    return refused.value.fields


def at(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


# -- months and days ----------------------------------------------------------------------------------
def test_the_window_of_a_month_is_the_whole_month():
    assert asked("month=2026-01").window == Window(JANUARY.start_hour, JANUARY.end_hour)


def test_the_window_of_a_month_is_repeated_as_api_md_shows_it():
    told = asked("month=2026-01")
    assert (told.from_at, told.to_at) == (at(2026, 1, 1), at(2026, 1, 31, 23, 59, 59))
    assert told.month == JANUARY


def test_the_window_of_a_day_is_its_24_hours():
    told = asked("day=2026-01-13")
    assert told.window == Window(hour_at(JANUARY, 13), hour_at(JANUARY, 14))
    assert (told.day, told.month) == (dt.date(2026, 1, 13), JANUARY)


def test_the_default_window_is_the_month_so_far_with_its_running_hour():
    told = asked("")
    assert told.window == Window(MARCH.start_hour, hour_of(NOW) + 1)
    assert (told.from_at, told.to_at) == (at(2026, 3, 1), NOW)


@pytest.mark.parametrize("query", ["month=", "from=&to=", "day=&month=", "x=1"])
def test_an_empty_field_of_a_form_leaves_the_default_window(query):
    assert asked(query) == asked("")


@pytest.mark.parametrize(
    "month",
    [
        "2026-13",
        "2026-00",
        "2026",
        "January",
        "2026-1",
        "1969-12",
        "9001-01",
        "2026-01-01",
        "٢٠٢٦-01",
        "\x00",
    ],
)
def test_a_malformed_month_of_a_query_is_refused_by_its_name(month):
    assert list(problem(f"month={quote(month)}")) == ["month"]


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2026-01-32", "yesterday", "1969-12-31", "9999-01-01", "0001-01-01"]
)
def test_a_malformed_day_of_a_query_is_refused_by_its_name(day):
    assert list(problem(f"day={day}")) == ["day"]


def test_the_window_of_a_leap_day_is_accepted():
    assert asked("day=2028-02-29").window.hours == 24


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("month=2026-01&from=2026-01-01", "month"),
        ("month=2026-01&to=2026-01-01", "month"),
        ("month=2026-01&day=2026-01-01", "month"),
        ("day=2026-01-01&from=2026-01-01", "day"),
        ("day=2026-01-01&to=2026-01-01", "day"),
    ],
)
def test_two_ways_to_name_a_window_at_once_are_refused(query, field):
    assert list(problem(query)) == [field]


# -- from and to --------------------------------------------------------------------------------------
def test_a_window_to_the_last_second_or_the_next_midnight_is_the_same_month():
    last = asked("from=2026-01-01T00:00:00Z&to=2026-01-31T23:59:59Z")
    next_ = asked("from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z")
    assert last.window == next_.window == Window(JANUARY.start_hour, JANUARY.end_hour)


def test_from_and_to_of_a_query_are_repeated_to_the_second():
    told = asked("from=2026-01-01T10:20:30Z&to=2026-01-31T23:59:59Z")
    assert (told.from_at, told.to_at) == (at(2026, 1, 1, 10, 20, 30), at(2026, 1, 31, 23, 59, 59))


def test_an_hour_belongs_to_the_window_when_it_starts_in_it():
    told = asked("from=2026-01-01T10:20:30Z&to=2026-01-01T12:00:01Z")
    assert told.window == Window(hour_at(JANUARY, 1, 11), hour_at(JANUARY, 1, 13))


def test_a_time_of_a_query_without_a_zone_is_utc():
    assert asked("from=2026-01-01T10:00:00&to=2026-01-02").from_at == at(2026, 1, 1, 10)


def test_a_date_alone_in_a_query_is_its_midnight_in_utc():
    told = asked("from=2026-01-01&to=2026-01-02")
    assert told.window == Window(hour_at(JANUARY, 1), hour_at(JANUARY, 2))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T02:00:00%2B02:00",
        "2026-01-01T02:00:00+02:00",  # a + that nobody escaped arrives as a space
        "2025-12-31T19:00:00-05:00",
        "2025-12-31T19:00:00%2D05:00",
        "2026-01-01T05:30:00%2B05:30",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01%2000:00:00%2B00:00",
    ],
)
def test_the_zone_of_a_time_in_a_query_is_understood_however_it_is_escaped(text):
    assert asked(f"from={text}&to=2026-01-02").from_at == at(2026, 1, 1)


def test_a_zone_off_the_hour_rounds_up_to_the_next_hour_of_utc():
    told = asked("from=2026-01-01T00:00:00%2B05:30&to=2026-01-02")
    assert told.from_at == at(2025, 12, 31, 18, 30)
    assert told.window.start_hour == hour_of(at(2025, 12, 31, 19))


def test_from_and_to_are_always_repeated_in_utc():
    told = asked("from=2026-01-01T02:00:00%2B02:00&to=2026-01-02T02:00:00%2B02:00")
    assert told.from_at.tzinfo is told.to_at.tzinfo is dt.UTC


def test_a_window_without_to_is_up_to_now():
    told = asked("from=2026-03-01")
    assert (told.window, told.to_at) == (Window(MARCH.start_hour, hour_of(NOW) + 1), NOW)


def test_a_window_without_from_begins_with_the_month_of_to():
    told = asked("to=2026-02-11T00:00:00Z")
    assert told.window == Window(FEBRUARY.start_hour, hour_at(FEBRUARY, 11))


def test_a_window_with_from_after_to_is_refused_and_names_from():
    assert problem("from=2026-01-02&to=2026-01-01") == {"from": ["is after to"]}


def test_a_window_that_starts_after_now_is_refused_and_names_from():
    assert problem("from=2026-04-01") == {"from": ["is after to"]}


def test_a_window_from_a_time_to_the_same_time_is_empty():
    assert asked("from=2026-01-02&to=2026-01-02").window.hours == 0


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:60Z",
        "2026-02-29",
        "1767225600",
        "2026-01-01T00:00:00%2B25:00",
        "2026-01-01T00:00:00 %2B02:00",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00%2B14:00",
        "%00",
        "2026-01-01T00:00:00Z' OR 1=1",
        "T" * 10000,
    ],
)
def test_a_malformed_time_of_a_query_is_refused_by_its_name(name, text):
    assert list(problem(f"{name}={text}")) == [name]


# -- words and names ----------------------------------------------------------------------------------
class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def choice(query):
    with APP.test_request_context(f"/?{query}"):
        return args.choice("colour", Colour)


def test_a_choice_of_a_query_is_read():
    assert choice("colour=blue") is Colour.BLUE


@pytest.mark.parametrize("query", ["", "colour="])
def test_a_missing_choice_of_a_query_is_none(query):
    assert choice(query) is None


@pytest.mark.parametrize("word", ["green", "RED", "BLUE", "red%20", "0"])
def test_an_unknown_choice_of_a_query_is_refused_with_the_list_of_choices(word):
    with pytest.raises(ValidationError) as refused:
        choice(f"colour={word}")
    assert refused.value.fields == {"colour": ["is not one of red, blue"]}


def test_a_uuid_of_a_query_is_read():
    text = "550e8400-e29b-41d4-a716-446655440000"
    with APP.test_request_context(f"/?id={text}"):
        assert args.uid("id") == UUID(text)


def test_a_missing_uuid_of_a_query_is_none():
    with APP.test_request_context("/?id="):
        assert args.uid("id") is None


@pytest.mark.parametrize("text", ["1", "550e8400", "550e8400-e29b-41d4-a716-44665544000g", "%00"])
def test_a_malformed_uuid_of_a_query_is_refused(text):
    with APP.test_request_context(f"/?id={text}"), pytest.raises(ValidationError) as refused:
        args.uid("id")
    assert refused.value.fields == {"id": ["is not a UUID"]}


def test_a_month_in_a_path_is_read_with_the_name_of_its_field():
    assert args.month_from("2026-01", "period") == Month(2026, 1)
    with pytest.raises(ValidationError) as refused:
        args.month_from("2026-13", "period")
    assert list(refused.value.fields) == ["period"]
