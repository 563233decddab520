"""What a query string may say: months, days, windows; anything else is a 422 that names the field."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import request

from portal.domain.errors import ValidationError
from portal.domain.period import HOURS_A_DAY, Month, Window, day_of, hour_after, start_of_hour

Choice = TypeVar("Choice", bound=StrEnum)
_YEAR_MAX = 9000  # leaves room for the arithmetic of months


@dataclass(frozen=True, slots=True)
class Asked:
    """A window as it was asked for: whole hours, and the instants that a JSON answer repeats."""

    window: Window
    from_at: dt.datetime
    to_at: dt.datetime
    month: Month | None = None
    day: dt.date | None = None


def asked_window(*, now: dt.datetime) -> Asked:
    """Read `month`, `day`, or `from` and `to`; without any, the current month so far."""
    given = {name: request.args[name] for name in ("month", "day", "from", "to") if request.args.get(name)}
    if "month" in given and len(given) > 1:
        raise ValidationError({"month": ["cannot be combined with day, from or to"]})
    if "day" in given and len(given) > 1:
        raise ValidationError({"day": ["cannot be combined with from or to"]})
    if "month" in given:
        return asked_month(month_from(given["month"], "month"))
    if "day" in given:
        return asked_day(_date(given["day"], "day"))
    if not given:
        return month_so_far(now)
    return _asked_span(given, now)


def asked_month(month: Month) -> Asked:
    window = Window(month.start_hour, month.end_hour)
    return Asked(window, month.starts_at, month.ends_at - dt.timedelta(seconds=1), month=month)


def month_so_far(now: dt.datetime) -> Asked:
    """The current month up to now, its running hour included."""
    month = Month.of(now)
    return Asked(Window(month.start_hour, hour_after(now)), month.starts_at, now, month=month)


def asked_day(date: dt.date) -> Asked:
    start = day_of(date) * HOURS_A_DAY
    window = Window(start, start + HOURS_A_DAY)
    end = start_of_hour(window.end_hour) - dt.timedelta(seconds=1)
    return Asked(window, start_of_hour(start), end, month=Month(date.year, date.month), day=date)


def _asked_span(given: dict[str, str], now: dt.datetime) -> Asked:
    end = _instant(given["to"], "to") if "to" in given else now
    start = _instant(given["from"], "from") if "from" in given else Month.of(end).starts_at
    if start > end:
        raise ValidationError({"from": ["is after to"]})
    return Asked(Window(hour_after(start), hour_after(end)), start, end)


def month_from(text: str, name: str) -> Month:
    """Read `2026-01`."""
    try:
        month = Month.parse(text)
    except ValueError as error:
        raise ValidationError({name: ["is not a month such as 2026-01"]}) from error
    if month.year > _YEAR_MAX:
        raise ValidationError({name: ["is too far in the future"]})
    return month


def choice(name: str, choices: type[Choice], default: Choice | None) -> Choice | None:
    """Read one of a few words."""
    text = request.args.get(name)
    if not text:
        return default
    try:
        return choices(text)
    except ValueError as error:
        words = ", ".join(each.value for each in choices)
        raise ValidationError({name: [f"is not one of {words}"]}) from error


def uid(name: str) -> UUID | None:
    """Read a UUID."""
    text = request.args.get(name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise ValidationError({name: ["is not a UUID"]}) from error


def _date(text: str, name: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError as error:
        raise ValidationError({name: ["is not a day such as 2026-01-13"]}) from error
    _refuse_far(date.year, name)
    return date


def _instant(text: str, name: str) -> dt.datetime:
    try:
        # An unescaped + of a zone arrives as a space.
        at = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=dt.UTC)
        at = at.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ValidationError({name: ["is not an ISO 8601 time"]}) from error
    _refuse_far(at.year, name)
    return at


def _refuse_far(year: int, name: str) -> None:
    if not 1970 <= year <= _YEAR_MAX:
        raise ValidationError({name: ["is too far away"]})
