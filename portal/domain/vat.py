"""VAT of a provider of cloud services in the Union: which case a customer is, and the rounding of a document.

Rates are in basis points (1900 is 19 %). VAT is computed per rate on the document's net sum, once, and
gross is made from net, never the reverse.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.errors import ConflictError
from portal.domain.money import round_half_up
from portal.domain.vat_rates import STANDARD_RATES, standard_rate

EU = frozenset(STANDARD_RATES)
_TAXED_AS = {"MC": "FR"}  # Monaco counts as France, article 7 of directive 2006/112/EC


class VatCase(StrEnum):
    """How a supply is taxed, by where the customer is."""

    DOMESTIC = "domestic"
    REVERSE_CHARGE = "reverse_charge"
    ONE_STOP_SHOP = "one_stop_shop"
    THIRD_COUNTRY = "third_country"


class WithoutVatId(StrEnum):
    """The treatment of customers in another member state without a VAT id. A tax adviser decides."""

    DESTINATION = "destination"  # the rate of its own country, declared at the one stop shop
    HOME = "home"  # the seller's own rate: only while sales to such customers stay below the threshold
    REFUSE = "refuse"  # no document before there is a VAT id


class VatUndeterminedError(ConflictError):
    """An EU customer has no VAT id: it needs one, or EU_WITHOUT_VAT_ID has to say how it is taxed."""


@dataclass(frozen=True, slots=True)
class VatTreatment:
    """The VAT statement of a document. `taxed_in` is the member state of a one-stop-shop supply."""

    case: VatCase
    rate_basis_points: int
    taxed_in: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """The sums of one legal document, in minor units."""

    net_minor: int
    vat_minor: Mapping[int, int]
    gross_minor: int


@dataclass(frozen=True, slots=True)
class VatBasis:
    """The facts that decide a supply's VAT, its day aside. They are kept with each month that is closed."""

    case: VatCase
    country: str


@dataclass(frozen=True, slots=True)
class VatRules:
    """VAT rules of a seller: its member state, and the treatment of customers without a VAT id."""

    home: str
    without_vat_id: WithoutVatId = WithoutVatId.REFUSE

    def basis_of(self, country: str, vat_id: str | None) -> VatBasis:
        """Return what the VAT of a customer in a country depends on; raises VatUndeterminedError."""
        return VatBasis(self._case_of(vat_area(country), vat_id), country)

    def treatment_of(self, basis: VatBasis, supplied_on: dt.date) -> VatTreatment:
        """Return how services supplied on a day are taxed."""
        if basis.case is VatCase.DOMESTIC:
            return VatTreatment(basis.case, standard_rate(self.home, supplied_on))
        if basis.case is VatCase.ONE_STOP_SHOP:
            area = vat_area(basis.country)
            return VatTreatment(basis.case, standard_rate(area, supplied_on), taxed_in=area)
        return VatTreatment(basis.case, 0)

    def _case_of(self, area: str, vat_id: str | None) -> VatCase:
        if area == self.home:
            return VatCase.DOMESTIC
        if area not in EU:
            return VatCase.THIRD_COUNTRY
        if vat_id:
            return VatCase.REVERSE_CHARGE
        if self.without_vat_id is WithoutVatId.DESTINATION:
            return VatCase.ONE_STOP_SHOP
        if self.without_vat_id is WithoutVatId.HOME:
            return VatCase.DOMESTIC
        raise VatUndeterminedError


def vat_area(country: str) -> str:
    """Return the country whose VAT law covers a country."""
    return _TAXED_AS.get(country, country)


def document_totals(nets: Iterable[tuple[int, int]]) -> DocumentTotals:
    """Sum (rate in basis points, net line in minor units), rounding VAT once per rate."""
    net_by_rate: Counter[int] = Counter()
    for rate, net_minor in nets:
        net_by_rate[rate] += net_minor
    vat = {rate: round_half_up(net * rate, 10_000) for rate, net in net_by_rate.items()}
    net_total = sum(net_by_rate.values())
    return DocumentTotals(net_total, vat, net_total + sum(vat.values()))


def apply_credit(credit_minor: int, gross_minor: int) -> tuple[int, int]:
    """Return what to pay for a document and the credit left after it, given the credit before it.

    A credit is zero or negative and gross: its VAT is on the document that gave it.
    """
    open_minor = credit_minor + gross_minor
    return max(open_minor, 0), min(open_minor, 0)
