"""The hour of usage that a collector or an export reports: whole, not of the future, not of long ago."""

import datetime as dt

from portal.domain.errors import UnusableValueError
from portal.domain.period import hour_of, start_of_hour

_YEAR_FIRST = 2000
_CLOCKS_DIFFER = dt.timedelta(minutes=5)


def usage_hour_of(at: dt.datetime, *, now: dt.datetime) -> int:
    """Return the hour that starts at an instant, or raise UnusableValueError."""
    if at.year < _YEAR_FIRST:
        raise UnusableValueError(f"is before the year {_YEAR_FIRST}")
    hour = hour_of(at)
    if start_of_hour(hour) != at:
        raise UnusableValueError("is not a whole hour in UTC")
    if at > now + _CLOCKS_DIFFER:
        raise UnusableValueError("is in the future")
    return hour
