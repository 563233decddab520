"""JSON shapes that every feature shares, and the strict reading of a JSON body."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from portal.domain.errors import ValidationError
from portal.domain.money import Money, exponent_of, round_half_up
from portal.domain.rating import PICO_DECIMALS, pico_of

JSON = dict[str, Any]
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}


def money(amount: Money) -> JSON:
    return {"cents": amount.cents, "currency_iso": amount.currency}


def unit_price(price: Decimal, currency: str) -> JSON:
    """A price is given twice: rounded to the minor unit, and exact."""
    scale = 10 ** (PICO_DECIMALS - exponent_of(currency))
    cents = round_half_up(pico_of(price), scale)
    return {"unit_price": money(Money(cents, currency)), "unit_price_decimal": decimal(price)}


def decimal(number: Decimal) -> str:
    """Return a plain decimal without trailing zeros and without an exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant(at: dt.datetime) -> str:
    """Return an instant as `2026-01-01T00:00:00Z`."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def json_body(optional: Mapping[str, type] | None = None, /, **wanted: type) -> dict[str, Any]:
    """Read a JSON object with these fields and types, and no others; 415, 400 or 422 for anything else.

    An optional field may be left out, or null; it is None then.
    """
    body = json_object()
    may_be = optional or {}
    problems = {name: ["is not known here"] for name in body if name not in wanted and name not in may_be}
    for name, kind in wanted.items():
        if name not in body:
            problems[name] = ["is missing"]
        elif type(body[name]) is not kind:
            problems[name] = [f"is not {_WORDS[kind]}"]
    for name, kind in may_be.items():
        if body.setdefault(name, None) is not None and type(body[name]) is not kind:
            problems[name] = [f"is not {_WORDS[kind]}"]
    if problems:
        raise ValidationError(problems)
    return body


def json_object() -> dict[str, Any]:
    """Read a JSON object, whatever its fields; 415, 400 or 422 for anything else."""
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype != "application/json" or charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("The body has to be application/json.")
    body = _parsed()
    if not isinstance(body, dict):
        raise ValidationError({"body": ["is not a JSON object"]})
    return body


def _parsed() -> Any:
    try:
        value = json.loads(
            request.get_data().decode("utf-8"),
            parse_constant=refuse_constant,
            parse_float=Decimal,
            object_pairs_hook=without_repeats,
        )
        _refuse_odd_text(value)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error
    return value


def _refuse_odd_text(value: Any) -> None:
    """No database keeps a NUL or half a surrogate pair."""
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("a text with a NUL")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            _refuse_odd_text(name)
            _refuse_odd_text(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_odd_text(each)


def refuse_constant(name: str) -> None:
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says a thing twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found
