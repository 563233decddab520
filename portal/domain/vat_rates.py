"""The standard rates of VAT in the Union, in basis points (1900 is 19 %), each with its first day.

Cloud services are taxed at the standard rate everywhere. A change of a rate is a new row here, added before
its first day; earlier supplies keep the earlier rate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TypeAlias

_Rates: TypeAlias = Sequence[tuple[dt.date, int]]

_LONG_AGO = dt.date(2015, 1, 1)  # since then a consumer's own country taxes electronic services


def _always(basis_points: int) -> _Rates:
    return ((_LONG_AGO, basis_points),)


STANDARD_RATES: Mapping[str, _Rates] = {
    "AT": _always(2000),
    "BE": _always(2100),
    "BG": _always(2000),
    "CY": _always(1900),
    "CZ": _always(2100),
    "DE": ((dt.date(2007, 1, 1), 1900), (dt.date(2020, 7, 1), 1600), (dt.date(2021, 1, 1), 1900)),
    "DK": _always(2500),
    "EE": ((_LONG_AGO, 2000), (dt.date(2024, 1, 1), 2200), (dt.date(2025, 7, 1), 2400)),
    "ES": _always(2100),
    "FI": ((_LONG_AGO, 2400), (dt.date(2024, 9, 1), 2550)),
    "FR": _always(2000),
    "GR": ((_LONG_AGO, 2300), (dt.date(2016, 6, 1), 2400)),
    "HR": _always(2500),
    "HU": _always(2700),
    "IE": ((_LONG_AGO, 2300), (dt.date(2020, 9, 1), 2100), (dt.date(2021, 3, 1), 2300)),
    "IT": _always(2200),
    "LT": _always(2100),
    "LU": ((_LONG_AGO, 1700), (dt.date(2023, 1, 1), 1600), (dt.date(2024, 1, 1), 1700)),
    "LV": _always(2100),
    "MT": _always(1800),
    "NL": _always(2100),
    "PL": _always(2300),
    "PT": _always(2300),
    "RO": (
        (_LONG_AGO, 2400),
        (dt.date(2016, 1, 1), 2000),
        (dt.date(2017, 1, 1), 1900),
        (dt.date(2025, 8, 1), 2100),
    ),
    "SE": _always(2500),
    "SI": _always(2200),
    "SK": ((_LONG_AGO, 2000), (dt.date(2025, 1, 1), 2300)),
}


def standard_rate(country: str, supplied_on: dt.date) -> int:
    """Return the rate of a member state on a day, in basis points; before the table starts, its first."""
    rates = STANDARD_RATES[country]
    return next((rate for since, rate in reversed(rates) if since <= supplied_on), rates[0][1])
