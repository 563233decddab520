"""The currencies of ISO 4217: how many decimals each has, and which of them a customer can be billed in."""

from collections.abc import Iterator
from typing import NamedTuple

import iso4217

from portal.domain.errors import UnusableValueError

# ISO marks most units of account as funds; these two it does not.
_UNITS_OF_ACCOUNT = frozenset({"UYW", "XAD"})


class _Entry(NamedTuple):
    """One row of the standard's table. `exponent` is None where there is no minor unit: gold, test codes."""

    code: str
    exponent: int | None
    is_fund: bool


def _entries() -> Iterator[_Entry]:
    """Read the standard's own table: the library's `Currency` does not say which codes are funds."""
    for row in iso4217.raw_xml.iterfind("CcyTbl/CcyNtry"):
        code, minor_units, name = row.findtext("Ccy"), row.findtext("CcyMnrUnts") or "", row.find("CcyNm")
        if code and name is not None:
            exponent = int(minor_units) if minor_units.isdigit() else None
            yield _Entry(code, exponent, name.get("IsFund") == "true")


_ENTRIES = tuple(_entries())
_CODES = frozenset(entry.code for entry in _ENTRIES)
EXPONENTS = {entry.code: entry.exponent for entry in _ENTRIES if entry.exponent is not None}
_BILLABLE = EXPONENTS.keys() - {entry.code for entry in _ENTRIES if entry.is_fund} - _UNITS_OF_ACCOUNT


def checked_currency(code: str) -> str:
    """Return the code of a currency that a customer can be billed in, or raise UnusableValueError."""
    if code not in _CODES:
        raise UnusableValueError("is not an ISO 4217 code such as EUR")
    if code not in _BILLABLE:
        raise UnusableValueError("is an ISO 4217 code of a fund, a metal or a test, which nobody pays with")
    return code
