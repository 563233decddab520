"""The standard rates of VAT in the Union, in basis points, each with its first day: `vat_rates.toml`."""

import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

STANDARD_RATES: Mapping[str, Sequence[tuple[dt.date, int]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def standard_rate(country: str, supplied_on: dt.date) -> int:
    """Return the rate of a member state on a day, in basis points; before the table starts, its first."""
    rates = STANDARD_RATES[country]
    return next((rate for since, rate in reversed(rates) if since <= supplied_on), rates[0][1])
