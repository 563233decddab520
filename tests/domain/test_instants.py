"""Days and instants from outside are read in UTC; of years without billing months none is."""

import datetime as dt

import pytest

from portal.domain.errors import UnusableValueError
from portal.domain.instants import instant_of, usable_date, usable_instant


@pytest.mark.parametrize(
    "text", ["2026-01-13T05:00:00Z", "2026-01-13T05:00", "2026-01-13 05:00", "2026-01-13T07:00+02:00"]
)
def test_an_instant_is_read_in_utc_with_or_without_a_zone(text):
    assert instant_of(text) == usable_instant(text) == dt.datetime(2026, 1, 13, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-29", "2026-01-13T25:00", "٢٠٢٦-01-13", "1" * 100_000, "\0", "2026-01-13\0"],
    ids=lambda text: repr(text[:12]),
)
def test_a_text_that_is_no_instant_is_a_value_error(text):
    for read in (instant_of, usable_instant, usable_date):
        with pytest.raises(ValueError):
            read(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
def test_an_instant_outside_the_calendar_is_a_value_error(text):
    with pytest.raises(ValueError, match="outside the calendar"):
        instant_of(text)


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31", "9001-01-01", "9999-12-31"])
def test_a_year_without_billing_months_is_too_far_away(text):
    for read in (usable_instant, usable_date):
        with pytest.raises(UnusableValueError, match="is too far away"):
            read(text)
