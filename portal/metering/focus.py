"""Reads a FOCUS cost-and-usage export (1.0 to 1.2), row by row: the charges to meter, and the refused rows.

The columns are those of focus.finops.org. Times are UTC, with or without saying so; NULL or nothing is
no value.
"""

import csv
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, Inexact
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

from portal.domain.errors import BillingError, UnusableValueError
from portal.domain.instants import instant_of
from portal.domain.numbers import decimal_of
from portal.domain.period import hour_of, start_of_hour
from portal.domain.rating import ENTRY_MAX_NANO, PRICE_MAX_PICO, nano_of, pico_of, price_of
from portal.domain.text_line import NAME_LENGTH_MAX, UNIT_LENGTH_MAX, checked_key, tidy_line
from portal.domain.usage_hour import usage_hour_of

REQUIRED = frozenset(
    {
        "BillingCurrency",
        "ChargeCategory",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ListUnitPrice",
        "PricingQuantity",
        "PricingUnit",
        "SkuPriceId",
        "SubAccountId",
    }
)
_HOUR = dt.timedelta(hours=1)

NOT_HOURLY = "not hourly"
TOO_LARGE = "more than 10,000,000 units in an hour"
MALFORMED = "malformed"

Row = Mapping[str, str | None]
Value = TypeVar("Value")


class NotFocusError(BillingError):
    """The file is not a FOCUS cost-and-usage export."""


class CannotBeMeteredError(Exception):
    """A row is no hourly usage; the reason is the text."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One hourly usage row."""

    project_code: str | None
    project_name: str
    sku_price_id: str
    product_name: str
    unit: str
    unit_price: Decimal
    hour: int
    quantity_nano: int
    was_rounded: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be metered, and why."""

    reason: str


def read_charges(path: Path, *, currency: str, now: dt.datetime) -> Iterator[tuple[int, Charge | Refused]]:
    """Yield (line number, charge or refusal) for each row; NotFocusError for a file that is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _read(file, currency, now)
    except UnicodeDecodeError as error:
        raise NotFocusError(f"{path.name} is not a text file in UTF-8.") from error
    except csv.Error as error:
        raise NotFocusError(f"{path.name} is not a CSV file: {error}.") from error


def _read(file: TextIO, currency: str, now: dt.datetime) -> Iterator[tuple[int, Charge | Refused]]:
    lines = csv.reader(file, strict=True)
    header = next(lines, [])
    missing = REQUIRED - set(header)
    if missing:
        raise NotFocusError(f"This is not a FOCUS export: it has no column {', '.join(sorted(missing))}.")
    line_number = lines.line_num + 1
    for cells in lines:
        if cells:
            yield line_number, _charge_or_refusal(header, cells, currency, now)
        line_number = lines.line_num + 1


def _charge_or_refusal(
    header: list[str], cells: list[str], currency: str, now: dt.datetime
) -> Charge | Refused:
    if len(cells) != len(header) or any("\0" in cell for cell in cells):  # no text of PostgreSQL's has one
        return Refused(MALFORMED)
    row = {name: _value(cell) for name, cell in zip(header, cells, strict=True)}
    try:
        return _charge(row, currency, now)
    except CannotBeMeteredError as error:
        return Refused(str(error))


def _value(cell: str) -> str | None:
    stripped = cell.strip()
    return None if stripped in {"", "NULL", "null"} else stripped


def _charge(row: Row, currency: str, now: dt.datetime) -> Charge:
    _refuse_other_charges(row, currency)
    hour = _hour(row, now)
    sku_price_id, project_code = _key(row, "SkuPriceId"), _key(row, "SubAccountId")
    if sku_price_id is None:
        raise CannotBeMeteredError("no SKU price")
    unit_price = _price(row)
    quantity_nano, was_rounded = _quantity(row)
    return Charge(
        project_code=project_code,
        project_name=_name(row, "SubAccountName", "SubAccountId"),
        sku_price_id=sku_price_id,
        product_name=_name(row, "ChargeDescription", "ServiceName", "SkuPriceId"),
        unit=_usable("PricingUnit", partial(tidy_line, row["PricingUnit"] or "unit", UNIT_LENGTH_MAX)),
        unit_price=unit_price,
        hour=hour,
        quantity_nano=quantity_nano,
        was_rounded=was_rounded,
    )


def _refuse_other_charges(row: Row, currency: str) -> None:
    category = (row["ChargeCategory"] or MALFORMED).lower()
    if category != "usage":
        raise CannotBeMeteredError(category)
    if (row.get("ChargeClass") or "").lower() == "correction":
        raise CannotBeMeteredError("correction")
    for name in ("BillingCurrency", "PricingCurrency"):
        if name in row and (row[name] or currency) != currency:
            raise CannotBeMeteredError("another currency")
    if row["BillingCurrency"] is None:
        raise CannotBeMeteredError(MALFORMED)


def _key(row: Row, column: str) -> str | None:
    text = row[column]
    return None if text is None else _usable(column, partial(checked_key, text))


def _name(row: Row, *columns: str) -> str:
    """Return the first of these texts that is there, cut to what a name may have."""
    column = next((column for column in columns if row.get(column)), columns[-1])
    return _usable(column, partial(tidy_line, (row.get(column) or "")[:NAME_LENGTH_MAX], NAME_LENGTH_MAX))


def _usable(column: str, check: Callable[[], Value]) -> Value:
    try:
        return check()
    except UnusableValueError as error:
        raise CannotBeMeteredError(f"{column} {error}") from error


def _hour(row: Row, now: dt.datetime) -> int:
    start, end = _instant(row["ChargePeriodStart"]), _instant(row["ChargePeriodEnd"])
    if end - start != _HOUR or start_of_hour(hour_of(start)) != start:
        raise CannotBeMeteredError(NOT_HOURLY)
    return _usable("ChargePeriodStart", partial(usage_hour_of, start, now=now))


def _instant(text: str | None) -> dt.datetime:
    try:
        return instant_of(text or "")
    except ValueError as error:
        raise CannotBeMeteredError(MALFORMED) from error


def _price(row: Row) -> Decimal:
    try:
        pico = pico_of(_number(row["ListUnitPrice"], "price"))
    except Inexact as error:
        raise CannotBeMeteredError("price finer than 12 decimals") from error
    if pico > PRICE_MAX_PICO:
        raise CannotBeMeteredError("price too large")
    return price_of(pico)  # one way to write it: 0.5 and 0.50, 0 and -0 are one product


def _quantity(row: Row) -> tuple[int, bool]:
    nano, was_rounded = nano_of(_number(row["PricingQuantity"], "quantity"))
    if nano > ENTRY_MAX_NANO:
        raise CannotBeMeteredError(TOO_LARGE)
    return nano, was_rounded


def _number(text: str | None, noun: str) -> Decimal:
    if text is None:
        raise CannotBeMeteredError(f"no {noun}")
    try:
        number = decimal_of(text)
    except ValueError as error:
        raise CannotBeMeteredError(MALFORMED) from error
    if number < 0:
        raise CannotBeMeteredError(f"negative {noun}")
    return number
