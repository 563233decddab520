"""The types that JSON answers share, and how their values are made; a room's own are in its `schema.py`.

Answers may grow, so they stay open; bodies are strict (see `web/bodies`).
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from flask import url_for
from msgspec import Meta, Struct

from portal.domain import money as domain
from portal.domain.period import Month
from portal.domain.rating import PICO_DECIMALS, pico_of, quantity_of
from portal.services import settings


def doc(description: str = "", **schema: object) -> Meta:
    """Give a field its description, and more of its JSON schema."""
    return Meta(description=description or None, extra_json_schema=schema or None)


class Answer(Struct, frozen=True):
    """An object of an answer: more properties may come, none goes."""

    @classmethod
    def of(cls, source: object, **more: object) -> Self:
        """Return the answer that says what the source does by the same names, and `more`.

        Amounts, instants, months and numbers become what JSON has of them.
        """
        own = {name: getattr(source, name) for name in cls.__struct_fields__ if name not in more}
        return cls(**{name: _AS_JSON.get(type(value), _same)(value) for name, value in (own | more).items()})


class Money(Answer, frozen=True):
    """An amount in the minor unit of its currency: EUR has 2 decimals, JPY 0, KWD 3."""

    cents: Annotated[int, doc(examples=[123456])]
    currency_iso: Annotated[str, doc(pattern="^[A-Z]{3}$", examples=["EUR"])]


Count = Annotated[int, Meta(ge=0)]
Url = Annotated[str, doc(format="uri")]
Day = Annotated[dt.date, doc(examples=["2026-01-13"])]
MonthText = Annotated[str, doc(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-01"])]
Instant = Annotated[str, doc(format="date-time", pattern="Z$", examples=["2026-01-01T00:00:00Z"])]
PlainDecimal = Annotated[
    str,
    doc(
        "A plain decimal number without trailing zeros and without an exponent.",
        pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$",
        examples=["744", "0.00694"],
    ),
]
# A price is given twice: rounded to the minor unit, and exact.
RoundedPrice = Annotated[Money, doc("Rounded half up to the minor unit.")]
ExactPrice = Annotated[PlainDecimal, doc("The exact price, in major units.")]


def money(amount: domain.Money) -> Money:
    return Money(amount.cents, amount.currency)


def rounded_price(price: Decimal, currency: str) -> Money:
    """Return a price, which may be a fraction of the minor unit, rounded to it."""
    scale = 10 ** (PICO_DECIMALS - domain.exponent_of(currency))
    return Money(domain.round_half_up(pico_of(price), scale), currency)


def decimal(number: Decimal) -> str:
    """Return a plain decimal without trailing zeros and without an exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(nano: int) -> str:
    """Return a quantity, which is counted in billionths of its unit."""
    return decimal(quantity_of(nano))


def instant(at: dt.datetime) -> str:
    """Return an instant as `2026-01-01T00:00:00Z`."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def url(endpoint: str, **values: Any) -> str:
    """Return the whole address of a page, which is the address of its data too."""
    return settings().portal_url + url_for(endpoint, _external=False, **values)


def _same(value: object) -> object:
    return value


_AS_JSON: Mapping[type, Callable[[Any], object]] = {
    domain.Money: money,
    dt.datetime: instant,
    Month: str,
    Decimal: decimal,
}
