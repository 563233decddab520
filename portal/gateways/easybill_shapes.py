"""What we know of EasyBill's documents and customers, in our words, and how each is read and written.

EasyBill counts in hundredths whatever the currency, and answers null almost anywhere: every field of an
answer may be missing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from portal.domain.errors import ConflictError
from portal.domain.money import Money, exponent_of
from portal.domain.vat import VatCase
from portal.gateways.easybill_http import Body, date, id_of, text, whole

INVOICE = "INVOICE"
CREDIT = "CREDIT"
CANCELLATIONS = frozenset({"STORNO", "STORNO_CREDIT"})
LEGAL_TYPES = CANCELLATIONS | {INVOICE, CREDIT}
# What a document of this type says about money, whichever sign the account writes its amounts with.
_SIGNS = {CREDIT: -1, "STORNO": -1, "STORNO_CREDIT": 1}
_CREDIT_TITLES = {"de": "Rechnungskorrektur", "en": "Credit note"}  # a "Gutschrift" is something else by law
_HUNDREDTHS_DECIMALS = 2
_VAT_OPTIONS = {
    VatCase.DOMESTIC: "NULL",
    VatCase.REVERSE_CHARGE: "nStbUstID",
    VatCase.ONE_STOP_SHOP: "NULL",  # taxable, at the rate of another member state
    VatCase.THIRD_COUNTRY: "nStb",
}


class CurrencyNotCarriedError(ConflictError):
    """EasyBill counts in hundredths and cannot carry a currency with finer units."""


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """Who is billed, as a legal document prints it. `number` is our own customer number."""

    number: str
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    vat_id: str | None
    emails: Sequence[str]
    buyer_reference: str | None = None


@dataclass(frozen=True, slots=True)
class DraftPosition:
    """One line of a document: its net amount is charged as it is, whatever the description says."""

    description: str
    net: Money
    rate_basis_points: int


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What a document is to say. The service dates are its first and its last day.

    Amounts of a credit are below zero. `refers_to_id` is the document that is corrected, where it is one;
    `notes` are printed below the positions and cost nothing.
    """

    external_id: str
    document_on: dt.date
    service_from: dt.date
    service_to: dt.date
    currency: str
    vat_case: VatCase
    vat_text: str | None
    taxed_in: str | None
    due_in_days: int
    language: str
    buyer_reference: str | None
    order_number: str | None
    positions: Sequence[DraftPosition]
    type: str = INVOICE
    refers_to_id: str | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document at EasyBill; amounts are hundredths of its currency. A draft has no number.

    Credits and cancelled invoices are below zero. `refers_to_id` is what it corrects or cancels.
    """

    id: str
    external_id: str | None
    type: str | None
    number: str | None
    is_draft: bool
    customer_id: str | None
    document_on: dt.date | None
    due_on: dt.date | None
    paid_on: dt.date | None
    cancelled_by_id: str | None
    currency: str
    net_hundredths: int
    gross_hundredths: int
    paid_hundredths: int = 0
    refers_to_id: str | None = None
    vat_option: str | None = None

    def is_taxed_as(self, vat_case: VatCase) -> bool:
        """Tell whether it says of VAT what a case wants; the normal case is told as null or as NULL."""
        return (self.vat_option or "NULL") == _VAT_OPTIONS[vat_case]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of a list, and how many there are."""

    documents: Sequence[Document]
    pages: int


def hundredths_of(amount: Money) -> int:
    """Return an amount as EasyBill counts it: ¥12 is 1200, €12.34 is 1234."""
    decimals = exponent_of(amount.currency)
    if decimals > _HUNDREDTHS_DECIMALS:
        raise CurrencyNotCarriedError(f"EasyBill counts in hundredths and cannot carry {amount.currency}.")
    return int(amount.cents * 10 ** (_HUNDREDTHS_DECIMALS - decimals))


def money_of(hundredths: int, currency: str) -> Money:
    """Return EasyBill's hundredths as whole minor units; what is finer cannot be money of ours."""
    decimals = exponent_of(currency)
    if decimals > _HUNDREDTHS_DECIMALS:
        raise CurrencyNotCarriedError(f"EasyBill counts in hundredths and cannot carry {currency}.")
    minor, rest = divmod(hundredths, 10 ** (_HUNDREDTHS_DECIMALS - decimals))
    if rest:
        raise CurrencyNotCarriedError(f"{hundredths} hundredths are no whole amount of {currency}.")
    return Money(minor, currency)


def document_from(found: Body) -> Document:
    """Read a document; what is missing is None."""
    sign = _SIGNS.get(text(found.get("type")) or "")
    net, gross, paid = (whole(found.get(name)) for name in ("amount_net", "amount", "paid_amount"))
    if sign is not None:  # whether a credit's amounts have a minus is nowhere described
        net, gross, paid = (sign * abs(each) for each in (net, gross, paid))
    return Document(
        id=id_of(found),
        external_id=text(found.get("external_id")),
        type=text(found.get("type")),
        number=text(found.get("number")),
        is_draft=found.get("is_draft") is True,  # what is not surely a draft is never deleted
        customer_id=text(found.get("customer_id")),
        document_on=date(found.get("document_date")),
        due_on=date(found.get("due_date")),
        paid_on=date(found.get("paid_at")),
        cancelled_by_id=text(found.get("cancel_id")),
        currency=text(found.get("currency")) or "EUR",
        net_hundredths=net,
        gross_hundredths=gross,
        paid_hundredths=paid,
        refers_to_id=text(found.get("ref_id")),
        vat_option=text(found.get("vat_option")),
    )


def customer_body(facts: CustomerFacts) -> Body:
    """Write a customer as EasyBill reads it; nothing in it is a placeholder of EasyBill's."""
    body = {
        "number": facts.number,
        "company_name": facts.name,
        "last_name": "",  # one of the two is enough, but both are asked for
        "street": facts.street,
        "zip_code": facts.postal_code,
        "city": facts.city,
        "country": facts.country,
        "vat_identifier": facts.vat_id or "",
        "buyer_reference": facts.buyer_reference or "",
        "emails": list(dict.fromkeys(facts.emails))[:3],
    }
    return _inert(body)


def draft_body(customer_id: str, facts: DraftFacts) -> Body:
    """Write a document as EasyBill reads it."""
    is_german = facts.language == "de"
    body = {
        "type": facts.type,
        "title": _CREDIT_TITLES["de" if is_german else "en"] if facts.type == CREDIT else None,
        "ref_id": int(facts.refers_to_id) if facts.refers_to_id else None,
        "customer_id": int(customer_id),
        "external_id": facts.external_id,
        "document_date": facts.document_on.isoformat(),
        "due_in_days": facts.due_in_days,
        "currency": facts.currency,
        "vat_option": _VAT_OPTIONS[facts.vat_case],
        "text_tax": facts.vat_text,
        "is_oss": True if facts.taxed_in else None,
        "fulfillment_country": facts.taxed_in,
        "buyer_reference": facts.buyer_reference,
        "order_number": facts.order_number,
        "pdf_template": "DE" if is_german else "EN",
        "service_date": {
            "type": "SERVICE",
            "date_from": facts.service_from.isoformat(),
            "date_to": facts.service_to.isoformat(),
        },
        "items": _item_bodies(facts),
    }
    return {name: value for name, value in body.items() if value is not None}


def _item_bodies(facts: DraftFacts) -> list[Body]:
    """Return the positions and notes; a credit says what it gives back, so its amounts are turned round."""
    sign = -1 if facts.type == CREDIT else 1
    positions = [_position_body(each, sign) for each in facts.positions]
    return positions + [{"type": "TEXT", "description": without_placeholders(each)} for each in facts.notes]


def _position_body(position: DraftPosition, sign: int) -> Body:
    """A quantity of one at a whole price: no rounding of EasyBill's can change it."""
    return {
        "type": "POSITION",
        "itemType": "SERVICE",
        "description": without_placeholders(position.description),
        "quantity": 1,
        "single_price_net": sign * hundredths_of(position.net),
        "vat_percent": _percent(position.rate_basis_points),
    }


def _percent(basis_points: int) -> int | float:
    """Return a rate as EasyBill has it: 19, or 25.5 in Finland, which a JSON number carries exactly."""
    whole_percent, rest = divmod(basis_points, 100)
    return whole_percent if rest == 0 else basis_points / 100


def _inert(body: Body) -> Body:
    return {
        name: without_placeholders(each) if isinstance(each, str) else each for name, each in body.items()
    }


def without_placeholders(text_of_ours: str) -> str:
    """Keep `%KUNDE.NAME%` in a name from being filled in by EasyBill: it stays readable, with a space."""
    return re.sub(r"%(?=[A-Za-z])", "% ", text_of_ours)
