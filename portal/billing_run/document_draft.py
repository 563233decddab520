"""What the legal document of an invoice has to say, and the check that EasyBill's draft says it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from portal.domain.errors import ConflictError
from portal.domain.money import Money
from portal.domain.period import Month
from portal.domain.rating import quantity_of
from portal.domain.vat import VatTreatment, WithoutVatId, document_totals, treatment_of
from portal.domain.vat_texts import vat_text
from portal.gateways.easybill import Document, DraftFacts, DraftPosition, hundredths_of
from portal.ledger.positions import Position, positions_of
from portal.models import Invoice, Organization

DUE_IN_DAYS = 14


class TotalsDifferError(ConflictError):
    """The totals of EasyBill's draft and ours differ."""


class LinesDifferError(ConflictError):
    """The lines of the invoice do not add up to its total."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A document as it has to come out."""

    facts: DraftFacts
    net: Money
    gross: Money


def expected_document(
    organization: Organization,
    invoice: Invoice,
    document_on: dt.date,
    *,
    without_vat_id: WithoutVatId = WithoutVatId.REFUSE,
) -> Expected:
    """Compose the document of an invoice; raises when VAT is unsettled or the currency too fine."""
    month = invoice.month

    def treated(supplied: Month) -> VatTreatment:
        return treatment_of(
            organization.country,
            organization.vat_id,
            supplied_on=supplied.last_on,
            without_vat_id=without_vat_id,
        )

    treatment = treated(month)
    rated = [
        (treated(each.corrects or month).rate_basis_points, each)
        for each in positions_of(invoice.items, invoice.currency)
    ]
    totals = document_totals((rate, each.net.cents) for rate, each in rated)
    net = Money(totals.net_minor, invoice.currency)
    gross = Money(totals.gross_minor, invoice.currency)
    hundredths_of(gross)  # refuses a currency that EasyBill cannot carry
    if net != invoice.total:
        raise LinesDifferError(
            f"The lines add up to {_plain(net)}, the invoice says {_plain(invoice.total)}."
        )
    facts = DraftFacts(
        external_id=str(invoice.uid),
        document_on=document_on,
        service_from=month.first_on,
        service_to=month.last_on,
        currency=invoice.currency,
        vat_case=treatment.case,
        vat_text=vat_text(treatment, organization.language),
        taxed_in=treatment.taxed_in,
        due_in_days=DUE_IN_DAYS,
        language=organization.language,
        buyer_reference=organization.buyer_reference,
        order_number=organization.order_number,
        positions=[
            DraftPosition(_description(each, organization.language), each.net, rate) for rate, each in rated
        ],
    )
    return Expected(facts, net, gross)


def refuse_difference(expected: Expected, document: Document) -> None:
    """Raise TotalsDifferError, with both in words, unless a document is ours to the cent."""
    ours = hundredths_of(expected.net), hundredths_of(expected.gross), expected.net.currency
    theirs = document.net_hundredths, document.gross_hundredths, document.currency
    if ours == theirs:
        return
    state = "was not finished" if document.is_draft else "is already finished"
    raise TotalsDifferError(
        f"EasyBill's document {document.id} has {_hundredths(document.net_hundredths)} net and"
        f" {_hundredths(document.gross_hundredths)} gross in {document.currency}, ours has"
        f" {_plain(expected.net)} net and {_plain(expected.gross)} gross. It {state}."
    )


def _description(position: Position, language: str) -> str:
    """Name the product, and what was used of it at which price: the true figures, every decimal."""
    currency = position.net.currency
    at = "zu" if language == "de" else "at"
    lines = [
        f"{_number(quantity_of(nano), language)} {position.unit} {at} {_number(price, language)} {currency}"
        for price, nano in position.quantities_nano.items()
    ]
    return "\n".join([position.name, *_correction(position.corrects, language), *lines])


def _correction(month: Month | None, language: str) -> list[str]:
    """Say which earlier month a position belongs to: it is another period than the document's."""
    if month is None:
        return []
    word = "Korrektur für" if language == "de" else "Correction of"
    return [f"{word} {month.number:02}/{month.year}"]


def _number(number: Decimal, language: str) -> str:
    shown = f"{number:,f}"
    return shown.translate(str.maketrans(",.", ".,")) if language == "de" else shown


def _plain(amount: Money) -> str:
    return f"{amount.major:f} {amount.currency}"


def _hundredths(hundredths: int) -> str:
    return f"{Decimal(hundredths).scaleb(-2):f}"
