"""Parameters of the query: months, days, windows, numbers; anything else is a 422 that names the field."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import TypeVar
from uuid import UUID

from flask import request

from portal.domain.errors import UnusableValueError, ValidationError
from portal.domain.instants import usable_date, usable_instant
from portal.domain.numbers import decimal_of
from portal.domain.period import Month
from portal.domain.windows import RequestedWindow, between, month_so_far, whole_day, whole_month

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)
_YEAR_MAX = 9000  # leaves room for the arithmetic of months


def requested_window(*, now: dt.datetime) -> RequestedWindow:
    """Read `month`, `day`, or `from` and `to`; without any, the current month so far."""
    given = {name: request.args[name] for name in ("month", "day", "from", "to") if request.args.get(name)}
    if "month" in given and len(given) > 1:
        raise ValidationError({"month": ["cannot be combined with day, from or to"]})
    if "day" in given and len(given) > 1:
        raise ValidationError({"day": ["cannot be combined with from or to"]})
    if "month" in given:
        return whole_month(month_from(given["month"], "month"))
    if "day" in given:
        return whole_day(date_from(given["day"], "day"))
    if not given:
        return month_so_far(now)
    return _span(given, now)


def _span(given: dict[str, str], now: dt.datetime) -> RequestedWindow:
    end = _instant(given["to"], "to") if "to" in given else now
    start = _instant(given["from"], "from") if "from" in given else Month.of(end).starts_at
    if start > end:
        raise ValidationError({"from": ["is after to"]})
    return between(start, end)


def month_from(text: str, name: str) -> Month:
    """Read `2026-01`."""
    month = parsed(name, text, Month.parse, "is not a month such as 2026-01")
    if month.year > _YEAR_MAX:
        raise ValidationError({name: ["is too far in the future"]})
    return month


def date_from(text: str, name: str) -> dt.date:
    """Read `2026-01-13`."""
    return parsed(name, text, usable_date, "is not a day such as 2026-01-13")


def parsed(name: str, text: str, parse: Callable[[str], Value], reason: str) -> Value:
    """Return what a text says, or refuse it by the name that it came under.

    The reason is that of an UnusableValueError, or else the one given.
    """
    try:
        return parse(text)
    except UnusableValueError as error:
        raise ValidationError({name: [str(error)]}) from error
    except ValueError as error:
        raise ValidationError({name: [reason]}) from error


def argument(name: str, parse: Callable[[str], Value], reason: str) -> Value | None:
    """Read a parameter of the query; None where it is left out or empty."""
    text = request.args.get(name)
    return parsed(name, text, parse, reason) if text else None


def choice(name: str, choices: type[Choice]) -> Choice | None:
    """Read one of a few words."""
    return argument(name, choices, f"is not one of {', '.join(choices)}")


def decimal(name: str, *, digits: int, exponent: int) -> Decimal | None:
    """Read a number of at most so many digits and so large an exponent."""
    parse = partial(decimal_of, digits=digits, exponent=exponent)
    return argument(name, parse, "is not a decimal number, or has too many digits")


def uid(name: str) -> UUID | None:
    """Read a UUID."""
    return argument(name, UUID, "is not a UUID")


def _instant(text: str, name: str) -> dt.datetime:
    # An unescaped + of a zone arrives as a space.
    with_zone = text.replace(" ", "+") if "T" in text else text
    return parsed(name, with_zone, usable_instant, "is not an ISO 8601 time")
