"""Days and instants as texts from outside, read in one way: ISO 8601, in UTC where they name no zone."""

import datetime as dt

from portal.domain.errors import UnusableValueError

_LENGTH_MAX = 64
_YEARS = range(1970, 9001)  # there are billing months, and room for arithmetic with them


def instant_of(text: str) -> dt.datetime:
    """Read an instant of any year, or raise ValueError."""
    if len(text) > _LENGTH_MAX:  # Python reads six digits of a second, and skips what follows
        raise ValueError("too long for an instant")
    try:
        at = dt.datetime.fromisoformat(text)
        return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)
    except OverflowError as error:  # in UTC it is before the first year, or after the last
        raise ValueError("outside the calendar") from error


def usable_instant(text: str) -> dt.datetime:
    """Read an instant of a year that has billing months; UnusableValueError for one of another year."""
    at = instant_of(text)
    _refuse_far(at.year)
    return at


def usable_date(text: str) -> dt.date:
    """Read a day such as 2026-01-13 of such a year."""
    date = dt.date.fromisoformat(text)
    _refuse_far(date.year)
    return date


def _refuse_far(year: int) -> None:
    if year not in _YEARS:
        raise UnusableValueError("is too far away")
