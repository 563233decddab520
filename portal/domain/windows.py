"""The window a question is about: whole hours, and the instants that the answer repeats."""

import datetime as dt
from dataclasses import dataclass

from portal.domain.period import HOURS_A_DAY, Month, Window, day_of, hour_after, start_of_hour


@dataclass(frozen=True, slots=True)
class RequestedWindow:
    """A window as a question names it: `month` or `day` where it is one, else any two instants.

    `from_at` and `to_at` are repeated as they were given; `window` has their edges rounded up to whole hours.
    """

    window: Window
    from_at: dt.datetime
    to_at: dt.datetime
    month: Month | None = None
    day: dt.date | None = None


def whole_month(month: Month) -> RequestedWindow:
    """Return a month up to its last second."""
    window = Window(month.start_hour, month.end_hour)
    return RequestedWindow(window, month.starts_at, month.ends_at - dt.timedelta(seconds=1), month=month)


def month_so_far(now: dt.datetime) -> RequestedWindow:
    """Return the current month up to now, its running hour included."""
    month = Month.of(now)
    return RequestedWindow(Window(month.start_hour, hour_after(now)), month.starts_at, now, month=month)


def whole_day(date: dt.date) -> RequestedWindow:
    """Return a UTC day up to its last second."""
    start = day_of(date) * HOURS_A_DAY
    window = Window(start, start + HOURS_A_DAY)
    end = start_of_hour(window.end_hour) - dt.timedelta(seconds=1)
    month = Month(date.year, date.month)
    return RequestedWindow(window, start_of_hour(start), end, month=month, day=date)


def between(start: dt.datetime, end: dt.datetime) -> RequestedWindow:
    """Return the hours that start at or after `start` and before `end`."""
    return RequestedWindow(Window(hour_after(start), hour_after(end)), start, end)
