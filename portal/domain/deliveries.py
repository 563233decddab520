"""A usage entry as a collector reports it: read strictly, refused by name."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.domain.errors import UnusableValueError
from portal.domain.instants import instant_of
from portal.domain.numbers import decimal_of
from portal.domain.rating import ENTRY_MAX_NANO, nano_of
from portal.domain.usage_hour import usage_hour_of

_FIELDS = frozenset({"subscription_id", "hour", "quantity", "revision"})
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.(?P<fraction>\d+))?)?(Z|[+-]\d\d:[0-5]\d)", re.ASCII
)
_SHOWN_LENGTH_MAX = 80  # of a name that somebody made up
_REVISION_MAX = 2**30  # a delivery without revisions counts on from there, in 32 bits


class RefusedEntryError(ValueError):
    """An entry cannot be used; the text says which of its fields, and why."""


@dataclass(frozen=True, slots=True)
class ReportedEntry:
    """An entry as a collector reports it."""

    subscription: UUID
    hour: int
    quantity_nano: int
    revision: int
    was_rounded: bool


def reported_entry(entry: object, *, now: dt.datetime) -> ReportedEntry:
    """Read one entry, or raise RefusedEntryError."""
    if not isinstance(entry, dict):
        raise RefusedEntryError("is not a JSON object")
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise RefusedEntryError(
            f"{unknown[0][:_SHOWN_LENGTH_MAX]} is not known here: an entry has {', '.join(sorted(_FIELDS))}"
        )
    quantity_nano, was_rounded = _quantity(entry)
    return ReportedEntry(
        _subscription(entry), _hour(entry, now), quantity_nano, _revision(entry), was_rounded
    )


def _subscription(entry: Mapping[str, object]) -> UUID:
    text = entry.get("subscription_id")
    try:
        if isinstance(text, str):
            return UUID(text)
    except ValueError as error:
        raise RefusedEntryError("subscription_id is not a UUID") from error
    raise RefusedEntryError("subscription_id is missing or not a text")


def _hour(entry: Mapping[str, object], now: dt.datetime) -> int:
    text = entry.get("hour")
    if not isinstance(text, str):
        raise RefusedEntryError("hour is missing or not a text")
    read = _INSTANT.fullmatch(text)
    if read is None:
        raise RefusedEntryError("hour is not an ISO 8601 time with its zone")
    try:
        at = instant_of(text)
    except ValueError as error:
        raise RefusedEntryError("hour is not an ISO 8601 time with its zone") from error
    if (read["fraction"] or "").strip("0"):  # Python reads six digits of it
        raise RefusedEntryError("hour is not a whole hour in UTC")
    try:
        return usage_hour_of(at, now=now)
    except UnusableValueError as error:
        raise RefusedEntryError(f"hour {error}") from error


def _quantity(entry: Mapping[str, object]) -> tuple[int, bool]:
    given = entry.get("quantity")
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        raise RefusedEntryError("quantity is missing or not a number")
    try:
        quantity = decimal_of(str(given))
    except ValueError as error:
        raise RefusedEntryError("quantity is not a decimal number, or has too many digits") from error
    if quantity < 0:
        raise RefusedEntryError("quantity is negative")
    nano, was_rounded = nano_of(quantity)
    if nano > ENTRY_MAX_NANO:
        raise RefusedEntryError("quantity is more than 10000000")
    return nano, was_rounded


def _revision(entry: Mapping[str, object]) -> int:
    revision = entry.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int) or not 0 <= revision <= _REVISION_MAX:
        raise RefusedEntryError(f"revision is not a whole number from 0 to {_REVISION_MAX}")
    return revision
