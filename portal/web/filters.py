"""Template filters: how our values look on a page. Amounts arrive rounded; nothing is rounded here."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from flask import Flask, current_app, request, url_for
from flask_babel import get_locale
from markupsafe import Markup

from portal.domain.money import Money, exponent_of
from portal.domain.period import Month, start_of_hour
from portal.domain.rating import quantity_of
from portal.extensions import babel

LOCALE = "en_IE"  # English with the day before the month
_MINUS = "\u2212"


def init_app(app: Flask) -> None:
    babel.init_app(app, default_locale=LOCALE, default_timezone="UTC")
    for each in _FILTERS:
        app.add_template_filter(each)
    app.add_template_global(static_url)
    app.add_template_global(replaced_url)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _locale() -> Locale:
    return get_locale() or Locale.parse(LOCALE)


@lru_cache(maxsize=8192)
def _money(cents: int, currency: str, locale: Locale) -> str:
    decimals = exponent_of(currency)
    major = Decimal(cents).scaleb(-decimals)
    pattern = locale.currency_formats["standard"].pattern
    digits = "0." + "0" * decimals if decimals else "0"
    exact_pattern = pattern.replace("0.00", digits)
    shown = format_currency(major, currency, exact_pattern, locale=locale, currency_digits=False)
    return str(shown).replace("-", _MINUS)


def money(amount: Money) -> str:
    """€1,234.56, ¥12,345: always with the currency's own decimals."""
    return _money(amount.cents, amount.currency, _locale())


@lru_cache(maxsize=8192)
def _decimal(number: Decimal, locale: Locale) -> str:
    return str(format_decimal(number, "#,##0.############", locale=locale)).replace("-", _MINUS)


def quantity(nano: int) -> str:
    """Show nano-units as a quantity, every decimal of it."""
    return _decimal(quantity_of(nano), _locale())


def exact(number: Decimal) -> str:
    return str(format_decimal(number, "#,##0.#####################", locale=_locale()))


@lru_cache(maxsize=4096)
def _price(number: Decimal, currency: str, locale: Locale) -> str:
    decimals = exponent_of(currency)
    digits = "0" * decimals + "#" * (12 - decimals)
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", f"0.{digits}")
    return str(format_currency(number, currency, pattern, locale=locale, currency_digits=False))


def price(number: Decimal, currency: str) -> str:
    """Show a unit price with every decimal it has."""
    return _price(number, currency, _locale())


def axis(number: Decimal, currency: str) -> str:
    """Show a tick of a chart: whole units without decimals."""
    if number == number.to_integral_value():
        pattern = _locale().currency_formats["standard"].pattern.replace("0.00", "0")
        return str(format_currency(number, currency, pattern, locale=_locale(), currency_digits=False))
    return _price(number, currency, _locale())


def day(date: dt.date) -> str:
    """13 Jan 2026."""
    return format_date(date, "d MMM yyyy", locale=_locale())


def month(which: Month) -> str:
    """January 2026."""
    return format_date(which.first_on, "MMMM yyyy", locale=_locale())


def time(at: dt.datetime) -> Markup:
    """Show an instant in UTC, for people and for programs."""
    shown = format_datetime(at, "d MMM yyyy, HH:mm", tzinfo=dt.UTC, locale=_locale())
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), shown)


def clock(hour: int) -> str:
    """Show the time of day at which an hour starts."""
    return f"{start_of_hour(hour):%H:%M}"


def hour_day(hour: int) -> dt.date:
    """Return the UTC date that an hour is in."""
    return start_of_hour(hour).date()


def iso_day(hour: int) -> str:
    """Return the UTC date that an hour is in, as addresses write it."""
    return hour_day(hour).isoformat()


def short_day(date: dt.date) -> str:
    """Tue 13 Jan."""
    return format_date(date, "EEE d MMM", locale=_locale())


def month_year(date: dt.date) -> str:
    """January 2026."""
    return format_date(date, "MMMM yyyy", locale=_locale())


def short_month(date: dt.date) -> str:
    """Jan."""
    return format_date(date, "MMM", locale=_locale())


def hour_label(hour: int) -> str:
    """Show an hour as 13 Jan 2026, 14:00."""
    start = start_of_hour(hour)
    return f"{day(start.date())}, {start:%H:%M}"


def percent(ratio: Decimal | None) -> str:
    """Show a change as +3.8%; what cannot be compared is a dash."""
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
    """Return this page's address with some of its query replaced, or left out where None."""
    query = request.args.to_dict() | {name: value or "" for name, value in changes.items()}
    view_args = request.view_args or {}
    kept: dict[str, Any] = {name: value for name, value in query.items() if value and name not in view_args}
    assert request.endpoint is not None
    return url_for(request.endpoint, **view_args, **kept)


_FILTERS = (
    money,
    exact,
    quantity,
    price,
    axis,
    day,
    short_day,
    month,
    month_year,
    short_month,
    time,
    clock,
    hour_day,
    iso_day,
    hour_label,
    percent,
)
