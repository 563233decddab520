"""The shapes that every room shares. Answers may grow, so they stay open; bodies are strict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from portal.web.json import JSON

TEXT: JSON = {"type": "string"}
FLAG: JSON = {"type": "boolean"}
COUNT: JSON = {"type": "integer", "minimum": 0}
UID: JSON = {"type": "string", "format": "uuid"}
URL: JSON = {"type": "string", "format": "uri"}
DAY: JSON = {"type": "string", "format": "date", "examples": ["2026-01-13"]}
MONTH: JSON = {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "examples": ["2026-01"]}
INSTANT: JSON = {
    "type": "string",
    "format": "date-time",
    "pattern": "Z$",
    "examples": ["2026-01-01T00:00:00Z"],
}
DECIMAL: JSON = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$",
    "description": "A plain decimal number without trailing zeros and without an exponent.",
    "examples": ["744", "0.00694"],
}


def ref(name: str) -> JSON:
    """Point to a shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(shape: JSON) -> JSON:
    """Allow null beside a shape."""
    if "$ref" in shape:
        return {"anyOf": [shape, {"type": "null"}]}
    nullable = shape | {"type": [shape["type"], "null"]}
    return nullable | {"enum": [*shape["enum"], None]} if "enum" in shape else nullable


def list_of(shape: JSON) -> JSON:
    return {"type": "array", "items": shape}


def one_of(words: type[StrEnum] | Collection[str]) -> JSON:
    """Allow a few words."""
    return {"type": "string", "enum": [str(each) for each in words]}


def said(shape: JSON, description: str) -> JSON:
    """Say what a shape means where it stands."""
    return shape | {"description": description}


def answered(description: str, properties: Mapping[str, JSON], *, optional: Collection[str] = ()) -> JSON:
    """Describe an object of an answer: more properties may come."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
    }


def accepted(description: str, properties: Mapping[str, JSON], *, optional: Collection[str] = ()) -> JSON:
    """Describe an object of a body: nothing else may be in it."""
    return answered(description, properties, optional=optional) | {"additionalProperties": False}


MONEY = ref("Money")
UNIT_PRICE: Mapping[str, JSON] = {
    "unit_price": said(MONEY, "Rounded half up to the minor unit."),
    "unit_price_decimal": said(DECIMAL, "The exact price, in major units."),
}
SCHEMAS: Mapping[str, JSON] = {
    "Money": answered(
        "An amount in the minor unit of its currency: EUR has 2 decimals, JPY 0, KWD 3.",
        {
            "cents": {"type": "integer", "examples": [123456]},
            "currency_iso": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]},
        },
    ),
}
