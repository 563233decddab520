"""What a collector may say of one entry: every bad input is refused by the name of its field."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.deliveries import RefusedEntryError, ReportedEntry, reported_entry
from portal.domain.period import hour_of, start_of_hour
from portal.domain.rating import ENTRY_MAX_NANO
from tests.properties import examples

NOW = dt.datetime(2026, 11, 10, 12, 30, tzinfo=dt.UTC)
YEAR_2000 = hour_of(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
UID = UUID("6f1d7c52-6f57-4f3a-9c0e-0a1b2c3d4e5f")
GOOD = {"subscription_id": str(UID), "hour": "2026-01-13T05:00:00Z", "quantity": "1.5"}
HOUR = hour_of(dt.datetime(2026, 1, 13, 5, tzinfo=dt.UTC))


def read(**changed) -> ReportedEntry:
    return reported_entry(GOOD | changed, now=NOW)


def refusal(entry) -> str:
    with pytest.raises(RefusedEntryError) as refused:
        reported_entry(entry, now=NOW)
    return str(refused.value)


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


# -- what is taken ------------------------------------------------------------------------------------
def test_a_usage_entry_is_read():
    assert read() == ReportedEntry(UID, HOUR, 1_500_000_000, 0, was_rounded=False)


def test_the_revision_of_a_usage_entry_is_read():
    assert read(revision=12).revision == 12


@pytest.mark.parametrize(
    ("quantity", "nano"),
    [
        ("0", 0),
        ("-0", 0),
        ("-0.000", 0),
        ("007", 7 * 10**9),
        (3, 3 * 10**9),
        (Decimal("0.25"), 250_000_000),
        (Decimal("1E-9"), 1),
        ("0.000000001", 1),
        ("10000000", ENTRY_MAX_NANO),
        ("10000000.000000000", ENTRY_MAX_NANO),
        ("1." + "0" * 40, 10**9),
        ("1e3", 1000 * 10**9),
        ("1.5E-05", 15_000),
        (".5", 5 * 10**8),
        ("+5.", 5 * 10**9),
    ],
)
def test_a_plain_number_is_a_quantity(quantity, nano):
    found = read(quantity=quantity)
    assert (found.quantity_nano, found.was_rounded) == (nano, False)


@pytest.mark.parametrize(
    ("quantity", "nano"),
    [
        ("0.0000000004", 0),
        ("0.0000000005", 1),
        ("0.00000000049999", 0),
        ("1.2345678915", 1_234_567_892),
        (Decimal("0.33333333333"), 333_333_333),
        ("9999999.9999999996", ENTRY_MAX_NANO),
        ("10000000.0000000004", ENTRY_MAX_NANO),
    ],
)
def test_a_finer_quantity_is_rounded_half_up_and_told(quantity, nano):
    found = read(quantity=quantity)
    assert (found.quantity_nano, found.was_rounded) == (nano, True)


@pytest.mark.parametrize(
    "hour",
    [
        "2026-01-13T05:00:00Z",
        "2026-01-13T05:00Z",
        "2026-01-13T05:00:00.000Z",
        "2026-01-13T05:00:00.000000000Z",
        "2026-01-13T05:00:00+00:00",
        "2026-01-13T05:00:00-00:00",
        "2026-01-13T06:00:00+01:00",
        "2026-01-13T10:30:00+05:30",
        "2026-01-13T10:45:00+05:45",
        "2026-01-12T19:00:00-10:00",
        "2026-01-14T04:59:00+23:59",
    ],
)
def test_the_hour_of_a_usage_entry_can_be_in_any_zone(hour):
    assert read(hour=hour).hour == HOUR


def test_the_hour_that_summer_time_repeats_is_two_hours():
    """In Berlin 2:00 comes twice on 25 October 2026; its offset tells which."""
    first, second = read(hour="2026-10-25T02:00:00+02:00"), read(hour="2026-10-25T02:00:00+01:00")
    assert start_of_hour(first.hour) == dt.datetime(2026, 10, 25, 0, tzinfo=dt.UTC)
    assert second.hour == first.hour + 1


def test_the_hour_that_summer_time_leaves_out_still_has_a_place_in_utc():
    """In Berlin there is no 2:00 on 29 March 2026; with its offset it is 3:00 of summer time."""
    assert read(hour="2026-03-29T02:00:00+01:00") == read(hour="2026-03-29T03:00:00+02:00")


def test_the_running_hour_may_be_reported():
    assert start_of_hour(read(hour="2026-11-10T12:00:00Z").hour).hour == 12


@pytest.mark.parametrize("minutes", [0, 5])
def test_an_hour_that_begins_within_five_minutes_may_be_reported(minutes):
    at = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
    found = reported_entry(GOOD | {"hour": "2026-11-10T12:00:00Z"}, now=at - dt.timedelta(minutes=minutes))
    assert found.hour == hour_of(at)


def test_the_first_hour_of_the_year_2000_is_an_hour():
    assert read(hour="2000-01-01T00:00:00Z").hour == YEAR_2000


@examples(100)
@given(
    st.integers(YEAR_2000, hour_of(NOW)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.integers(0, ENTRY_MAX_NANO),
)
def test_every_hour_in_every_zone_and_every_quantity_of_a_usage_entry_is_read_exactly(hour, minutes, nano):
    at = start_of_hour(hour).astimezone(dt.timezone(dt.timedelta(minutes=minutes)))
    whole, fraction = divmod(nano, 10**9)
    found = read(hour=at.isoformat(), quantity=f"{whole}.{fraction:09d}")
    assert (found.hour, found.quantity_nano, found.was_rounded) == (hour, nano, False)


# -- what is refused ----------------------------------------------------------------------------------
@pytest.mark.parametrize("entry", [None, True, 1, "text", [], [GOOD], Decimal(1)])
def test_a_usage_entry_that_is_not_an_object_is_refused(entry):
    assert refusal(entry) == "is not a JSON object"


@pytest.mark.parametrize("name", ["organization_id", "Quantity", "", "quantity ", "project_id", "\ud800"])
def test_an_unknown_field_is_refused_by_name(name):
    assert refusal(GOOD | {name: 1}).startswith(f"{name} is not known here: an entry has hour, ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("subscription_id", "subscription_id is missing or not a text"),
        ("hour", "hour is missing or not a text"),
        ("quantity", "quantity is missing or not a number"),
    ],
)
def test_a_field_that_is_missing_in_a_usage_entry_is_refused_by_name(name, reason):
    assert refusal(without(name)) == reason
    assert refusal(GOOD | {name: None}) == reason


@pytest.mark.parametrize("given", [1, True, [], {}, Decimal(1)])
def test_a_subscription_that_is_no_text_is_refused(given):
    assert refusal(GOOD | {"subscription_id": given}) == "subscription_id is missing or not a text"


@pytest.mark.parametrize(
    "given", ["", "1", "x" * 36, str(UID)[:-1], str(UID) + "0", "\x00", "\ud800", "é" * 32]
)
def test_a_subscription_that_is_no_uuid_is_refused(given):
    assert refusal(GOOD | {"subscription_id": given}) == "subscription_id is not a UUID"


@pytest.mark.parametrize("given", [491_000, 10**12, True, [], {}, Decimal(5)])
def test_an_hour_that_is_no_text_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is missing or not a text"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "now",
        "2026-01-13",
        "2026-01-13T05",
        "2026-01-13T05Z",
        "2026-01-13 05:00:00Z",
        "2026-01-13t05:00:00z",
        "20260113T050000Z",
        "2026-W03-2T05:00:00Z",
        " 2026-01-13T05:00:00Z",
        "2026-01-13T05:00:00Z\n",
        "٢٠٢٦-01-13T05:00:00Z",
        "-2026-01-13T05:00:00Z",
        "12026-01-13T05:00:00Z",
        "1768280400",
    ],
)
def test_an_hour_that_is_not_written_in_iso_8601_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is not an ISO 8601 time with its zone"


@pytest.mark.parametrize(
    "given",
    ["2026-01-13T05:00:00", "2026-01-13T05:00", "2026-10-25T02:00:00", "2026-03-29T02:00:00"],
    ids=["seconds", "minutes", "twice in Berlin", "never in Berlin"],
)
def test_a_local_time_without_its_zone_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is not an ISO 8601 time with its zone"


@pytest.mark.parametrize(
    "given",
    ["2026-01-13T05:00:00 Europe/Berlin", "2026-01-13T05:00:00[Europe/Berlin]", "2026-01-13T05:00:00CET"],
)
def test_a_zone_by_name_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is not an ISO 8601 time with its zone"


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-13T05:00:60Z",
        "2026-01-13T04:59:60Z",
        "2026-01-13T05:60:00Z",
        "2026-01-13T24:00:00Z",
        "2026-01-13T25:00:00Z",
        "2026-02-29T05:00:00Z",
        "2026-13-01T05:00:00Z",
        "2026-00-01T05:00:00Z",
        "2026-01-32T05:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-13T05:00:00+24:00",
        "2026-01-13T05:00:00+01:60",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:00:00-01:00",
    ],
)
def test_a_time_that_no_calendar_has_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is not an ISO 8601 time with its zone"


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-13T05:01:00Z",
        "2026-01-13T05:59Z",
        "2026-01-13T05:00:01Z",
        "2026-01-13T05:00:00.5Z",
        "2026-01-13T05:00:00.000001Z",
        "2026-01-13T05:00:00.0000001Z",
        "2026-01-13T05:00:00.000000000000000001Z",
        "2026-01-13T05:00:00+05:30",
        "2026-01-13T05:00:00+05:45",
        "2026-01-13T05:00:00-00:01",
    ],
)
def test_an_hour_that_is_no_full_hour_in_utc_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is not a whole hour in UTC"


@pytest.mark.parametrize("given", ["1999-12-31T23:00:00Z", "1969-12-31T23:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_hour_of_long_ago_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is before the year 2000"


@pytest.mark.parametrize(
    "given",
    ["2026-11-10T13:00:00Z", "2026-11-10T13:00:00+00:00", "2027-01-01T00:00:00Z", "9999-12-31T23:00:00Z"],
)
def test_an_hour_in_the_future_is_refused(given):
    assert refusal(GOOD | {"hour": given}) == "hour is in the future"


def test_an_hour_that_is_in_the_future_only_in_its_own_zone_is_taken():
    assert read(hour="2026-11-11T02:00:00+14:00").hour == hour_of(NOW)


@pytest.mark.parametrize("given", [True, False, [], {}, ["1"], 1.5, float("nan"), float("inf")])
def test_a_quantity_that_is_neither_text_nor_number_is_refused(given):
    assert refusal(GOOD | {"quantity": given}) == "quantity is missing or not a number"


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1e400",
        "1e-400",
        "1e",
        "e3",
        "--1",
        ".",
        "1,5",
        "1_000",
        "0x10",
        " 1",
        "1\n",
        "١",
        "½",
        "1 h",
        "1" * 41,
        "0." + "1" * 41,
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("1E+41"),
        10**40,
    ],
)
def test_a_quantity_that_is_no_number_is_refused(given):
    reason = "quantity is not a decimal number, or has too many digits"
    assert refusal(GOOD | {"quantity": given}) == reason


@pytest.mark.parametrize(
    "given", [-1, "-1", "-0.000000001", "-0." + "0" * 39 + "1", Decimal("-0.5"), "-1" + "0" * 19]
)
def test_a_negative_quantity_is_refused_however_small(given):
    assert refusal(GOOD | {"quantity": given}) == "quantity is negative"


@pytest.mark.parametrize("given", [10**12, "1e12", "10000001", "10000000.0000000005", "9" * 40])
def test_a_quantity_that_no_hour_has_is_refused(given):
    assert refusal(GOOD | {"quantity": given}) == "quantity is more than 10000000"


@pytest.mark.parametrize(
    "given",
    [
        -1,
        2**30 + 1,
        2**31,
        2**63,
        10**30,
        True,
        False,
        None,
        "1",
        Decimal("1.0"),
        Decimal("1.5"),
        1.0,
        [],
        {},
    ],
)
def test_a_revision_that_is_no_whole_number_in_bounds_is_refused(given):
    assert refusal(GOOD | {"revision": given}) == "revision is not a whole number from 0 to 1073741824"


def test_the_largest_revision_is_taken():
    assert read(revision=2**30).revision == 2**30
