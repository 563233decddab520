"""VAT of a German provider of cloud services: which case a customer is, and the rounding of a document.

Rates are in basis points (1900 is 19 %). VAT is computed per rate on the document's net sum, once, and
gross is made from net, never the reverse.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.errors import ConflictError
from portal.domain.money import round_half_up

HOME = "DE"
EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
# (first day, rate): § 12 UStG. The last row that is not after the supply counts.
_HOME_RATES = (
    (dt.date(2007, 1, 1), 1900),
    (dt.date(2020, 7, 1), 1600),
    (dt.date(2021, 1, 1), 1900),
)


class VatCase(StrEnum):
    """How a supply is taxed, by where the customer is."""

    DOMESTIC = "domestic"
    REVERSE_CHARGE = "reverse_charge"
    THIRD_COUNTRY = "third_country"


class VatCaseUnsettledError(ConflictError):
    """An EU customer without a VAT id is taxed by the rate of its own country, which is not set up."""


@dataclass(frozen=True, slots=True)
class VatTreatment:
    """What a document has to say about VAT."""

    case: VatCase
    rate_basis_points: int


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """The sums of one legal document, in minor units."""

    net_minor: int
    vat_minor: Mapping[int, int]
    gross_minor: int


def treatment_of(country: str, vat_id: str | None, *, supplied_on: dt.date) -> VatTreatment:
    """Return how services supplied on a day are taxed for a business customer in a country."""
    if country == HOME:
        rate = next(rate for since, rate in reversed(_HOME_RATES) if since <= supplied_on)
        return VatTreatment(VatCase.DOMESTIC, rate)
    if country not in EU:
        return VatTreatment(VatCase.THIRD_COUNTRY, 0)
    if not vat_id:
        raise VatCaseUnsettledError
    return VatTreatment(VatCase.REVERSE_CHARGE, 0)


def document_totals(nets: Iterable[tuple[int, int]]) -> DocumentTotals:
    """Sum (rate in basis points, net line in minor units), rounding VAT once per rate."""
    net_by_rate: Counter[int] = Counter()
    for rate, net_minor in nets:
        net_by_rate[rate] += net_minor
    vat = {rate: round_half_up(net * rate, 10_000) for rate, net in net_by_rate.items()}
    net_total = sum(net_by_rate.values())
    return DocumentTotals(net_total, vat, net_total + sum(vat.values()))


def settle(credit_minor: int, gross_minor: int) -> tuple[int, int]:
    """Return what to pay for a document and the credit left after it, given the credit before it.

    A credit is zero or negative and gross: VAT was settled by the document that gave it.
    """
    open_minor = credit_minor + gross_minor
    return max(open_minor, 0), min(open_minor, 0)
