"""Hours, days and billing months in UTC: whole numbers inside, half-open periods, no zone but UTC.

An hour is `epoch seconds // 3600`, a day is 24 of them, a month is a calendar month.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

HOURS_A_DAY = 24
_SECONDS_AN_HOUR = 3600
_EPOCH = dt.date(1970, 1, 1)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")  # \d would take the digits of every script


def hour_of(instant: dt.datetime) -> int:
    """Return the hour that an aware instant falls into."""
    assert instant.tzinfo is not None, "an instant has a zone"
    return int((instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(hours=1))


def hour_after(instant: dt.datetime) -> int:
    """Return the first hour that starts at or after an instant: window edges round up."""
    hour = hour_of(instant)
    return hour if start_of_hour(hour) == instant else hour + 1


def start_of_hour(hour: int) -> dt.datetime:
    """Return the instant at which an hour starts, in UTC."""
    return dt.datetime.fromtimestamp(hour * _SECONDS_AN_HOUR, tz=dt.UTC)


def day_of(date: dt.date) -> int:
    """Return the day number of a UTC date."""
    return (date - _EPOCH).days


def date_of(day: int) -> dt.date:
    """Return the UTC date of a day number."""
    return _EPOCH + dt.timedelta(days=day)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC, the unit of billing."""

    year: int
    number: int

    @staticmethod
    def parse(text: str) -> Month:
        """Read `2026-01`; ValueError for anything else."""
        match = _MONTH.fullmatch(text)
        if match is None or int(match[1]) < _EPOCH.year:
            raise ValueError(text)
        return Month(int(match[1]), int(match[2]))

    @staticmethod
    def of(instant: dt.datetime) -> Month:
        utc = instant.astimezone(dt.UTC)
        return Month(utc.year, utc.month)

    @staticmethod
    def of_day(day: int) -> Month:
        date = date_of(day)
        return Month(date.year, date.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def shifted(self, months: int) -> Month:
        """Return the month that is this many later; earlier for a negative number."""
        years, number = divmod(self.number - 1 + months, 12)
        return Month(self.year + years, number + 1)

    def through(self, last: Month) -> Iterator[Month]:
        """Yield this month and each later one, up to and with the last."""
        month = self
        while month <= last:
            yield month
            month = month.shifted(1)

    @property
    def first_on(self) -> dt.date:
        return dt.date(self.year, self.number, 1)

    @property
    def last_on(self) -> dt.date:
        return self.shifted(1).first_on - dt.timedelta(days=1)

    @property
    def start_day(self) -> int:
        return day_of(self.first_on)

    @property
    def end_day(self) -> int:
        """The first day of the next month: periods are half open."""
        return self.shifted(1).start_day

    @property
    def start_hour(self) -> int:
        return self.start_day * HOURS_A_DAY

    @property
    def end_hour(self) -> int:
        return self.end_day * HOURS_A_DAY

    @property
    def starts_at(self) -> dt.datetime:
        return start_of_hour(self.start_hour)

    @property
    def ends_at(self) -> dt.datetime:
        """The first instant after the month."""
        return start_of_hour(self.end_hour)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours, half open: the meaning of `from` and `to` of a query."""

    start_hour: int
    end_hour: int

    def months(self) -> Iterator[tuple[Month, Window]]:
        """Yield each month that the window touches, with its part of the window."""
        at = self.start_hour
        while at < self.end_hour:
            month = Month.of_day(at // HOURS_A_DAY)
            end = min(self.end_hour, month.end_hour)
            yield month, Window(at, end)
            at = end

    @property
    def hours(self) -> int:
        return max(0, self.end_hour - self.start_hour)
