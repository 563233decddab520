"""Template filters: how our values look on a page. Amounts arrive rounded; nothing is rounded here."""

import datetime as dt
import re
from decimal import Decimal
from functools import cache, lru_cache
from urllib.parse import urlencode

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from flask import Flask, current_app, request, url_for
from jinja2.ext import Extension
from markupsafe import Markup

from portal.domain.money import Money, exponent_of
from portal.domain.numbers import grouped
from portal.domain.period import Month, start_of_hour
from portal.domain.rating import quantity_of

_LOCALE = Locale.parse("en_IE")  # English with the day before the month
_ARGUMENT_LENGTH_MAX = 2_000
_MINUS = "\u2212"
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


class WithoutIndentation(Extension):
    """Reads a template without the blanks at the beginning of its lines: a table of hours has many lines."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source as it is compiled; lines keep their numbers."""
        del name, filename
        return _INDENTATION.sub("", source)


def init_app(app: Flask) -> None:
    for each in _FILTERS:
        app.add_template_filter(each)
    app.add_template_global(static_url)
    app.add_template_global(replaced_url)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension(WithoutIndentation)


@cache
def _around(currency: str) -> tuple[str, str]:
    """Return what stands before and behind an amount."""
    before, _, behind = str(format_currency(0, currency, locale=_LOCALE)).partition("0")
    return before, behind.lstrip(".0")


def money(amount: Money) -> str:
    """€1,234.56, ¥12,345: always with the currency's own decimals."""
    return amount_text(amount.cents, amount.currency)


def amount_text(cents: int, currency: str) -> str:
    """Show an amount in whole minor units: Babel parses a pattern for each, which a chart has no time for."""
    amount = Decimal(cents).scaleb(-exponent_of(currency))
    return _with_currency(amount, currency).replace("-", _MINUS)


def _with_currency(number: Decimal, currency: str, *, decimals_min: int = 0) -> str:
    before, behind = _around(currency)
    sign = "-" if number < 0 else ""
    return f"{sign}{before}{grouped(abs(number), decimals_min=decimals_min)}{behind}"


@lru_cache(maxsize=8192)
def quantity(nano: int) -> str:
    """Show nano-units as a quantity, every decimal of it."""
    return grouped(quantity_of(nano)).replace("-", _MINUS)


def exact(number: Decimal) -> str:
    return grouped(number)


def price(number: Decimal, currency: str) -> str:
    """Show a unit price with every decimal it has."""
    return _with_currency(number, currency, decimals_min=exponent_of(currency))


def axis(number: Decimal, currency: str) -> str:
    """Show a tick of a chart: whole units without decimals."""
    if number == number.to_integral_value():
        return _with_currency(Decimal(int(number)), currency)
    return price(number, currency)


@lru_cache(maxsize=4096)
def date_text(date: dt.date, pattern: str) -> str:
    """Show a date by a pattern of Unicode's: `EEE d MMM` is Tue 13 Jan."""
    return format_date(date, pattern, locale=_LOCALE)


def day(date: dt.date) -> str:
    """13 Jan 2026."""
    return date_text(date, "d MMM yyyy")


def month(which: Month) -> str:
    """January 2026."""
    return date_text(which.first_on, "MMMM yyyy")


def time(at: dt.datetime) -> Markup:
    """Show an instant in UTC, for people and for programs."""
    shown = format_datetime(at, "d MMM yyyy, HH:mm", tzinfo=dt.UTC, locale=_LOCALE)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), shown)


def until(start: dt.datetime) -> Markup:
    """Show the instant at which an hour ends, by the instant at which it starts."""
    return time(start + dt.timedelta(hours=1))


def clock(hour: int) -> str:
    """Show the time of day at which an hour starts."""
    return f"{start_of_hour(hour):%H:%M}"


def hour_label(hour: int) -> str:
    """Show an hour as 13 Jan 2026, 14:00."""
    start = start_of_hour(hour)
    return f"{day(start.date())}, {start:%H:%M}"


def percent(ratio: Decimal | None) -> str:
    """Show a change as +3.8%; no comparison is a dash."""
    if ratio is None:
        return "–"
    shown = f"{ratio * 100:+,.1f}%"
    if shown in {"+0.0%", "-0.0%"}:
        return "0.0%"
    return shown.replace("-", _MINUS)


def static_url(name: str) -> str:
    """Return the address of a static file; its name or its digest changes when it does."""
    digests: dict[str, str] = current_app.extensions["portal.static_digests"]
    return url_for("static", filename=name, v=digests.get(name))


def replaced_url(**changes: str | None) -> str:
    """Return this page's address with some of its query replaced, or left out where None.

    A value that is longer than any of ours is left out: a page says its address in many links.
    """
    sent = {name: value for name, value in request.args.items() if len(name + value) <= _ARGUMENT_LENGTH_MAX}
    query = sent | {name: value or "" for name, value in changes.items()}
    view_args = request.view_args or {}
    kept = {name: value for name, value in query.items() if value and name not in view_args}
    assert request.endpoint is not None
    path = url_for(request.endpoint, **view_args)  # the query never: some of its names mean something there
    return f"{path}?{urlencode(kept)}" if kept else path


_FILTERS = (money, exact, quantity, price, axis, day, month, time, until, clock, hour_label, percent)
