"""All we ask of EasyBill, in our words. There is no way here to change or delete a finished document.

EasyBill counts in hundredths whatever the currency, dates things in Europe/Berlin, answers null almost
anywhere and sends fields it does not describe: every field of an answer may be missing, extras are
ignored. It has no idempotency keys, so whoever creates something looks for it first.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from portal.domain.errors import ConflictError
from portal.domain.money import Money, exponent_of
from portal.domain.vat import VatCase
from portal.gateways.easybill_budget import Budget
from portal.gateways.easybill_http import (
    Body,
    Connection,
    EasybillUnavailableError,
    date,
    escaped,
    id_of,
    object_of,
    refuse_failure,
    text,
    whole,
)

INVOICE = "INVOICE"
CREDIT = "CREDIT"
CANCELLATIONS = frozenset({"STORNO", "STORNO_CREDIT"})
LEGAL_TYPES = CANCELLATIONS | {INVOICE, CREDIT}
# What a document of this type says about money, whichever sign the account writes its amounts with.
_SIGNS = {CREDIT: -1, "STORNO": -1, "STORNO_CREDIT": 1}
_CREDIT_TITLES = {"de": "Rechnungskorrektur", "en": "Credit note"}  # a "Gutschrift" is something else by law

_HUNDREDTHS_DECIMALS = 2
_FAR_AWAY_ON = "2099-12-31"
_VAT_OPTIONS = {
    VatCase.DOMESTIC: "NULL",
    VatCase.REVERSE_CHARGE: "nStbUstID",
    VatCase.ONE_STOP_SHOP: "NULL",  # taxable, at the rate of another member state
    VatCase.THIRD_COUNTRY: "nStb",
}
_FORMATS = {
    "xrechnung": "application/xml;format=xrechnung",
    "zugferd": "application/pdf;format=zugferd;version=2.*",
}


class CurrencyNotCarriedError(ConflictError):
    """EasyBill counts in hundredths and cannot carry a currency with finer units."""


class FinishedDocumentError(ConflictError):
    """A finished document is never deleted."""


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


class EasybillGateway:
    """One account at EasyBill. Every call ends within the deadline, also when the answer drips in."""

    def __init__(
        self, api_key: str, api_base: str, deadline_seconds: int = 20, budget: Budget | None = None
    ) -> None:
        self._easybill = Connection(api_key, api_base, deadline_seconds, budget)

    def customer_by_number(self, number: str) -> str | None:
        """Return the id of the customer with our number; the oldest, should there be several."""
        found = self._easybill.list_of("/customers", {"number": escaped(number)})
        ids = [whole(each.get("id")) for each in found if each.get("number") == number]
        return str(min(ids)) if ids else None

    def create_customer(self, facts: CustomerFacts) -> str:
        """Make a customer and return its id. Look by number first: EasyBill takes the same one twice."""
        return id_of(self._easybill.json("POST", "/customers", body=_inert(_customer_body(facts))))

    def update_customer(self, customer_id: str, facts: CustomerFacts) -> None:
        """Let documents drafted or finished from now on say who the customer is today."""
        self._easybill.json("PUT", f"/customers/{_segment(customer_id)}", body=_inert(_customer_body(facts)))

    def create_draft(self, customer_id: str, facts: DraftFacts) -> Document:
        """Make a draft and return it with EasyBill's own totals. Look for it first."""
        return _document(self._easybill.json("POST", "/documents", body=_draft_body(customer_id, facts)))

    def documents_of(self, customer_id: str, first_on: dt.date, last_on: dt.date) -> Sequence[Document]:
        """Return a customer's documents of some days, drafts as well; EasyBill cannot look by external id."""
        days = f"{first_on.isoformat()},{last_on.isoformat()}"
        asked = {"customer_id": _segment(customer_id), "document_date": days}
        return [_document(each) for each in self._easybill.list_of("/documents", asked)]

    def document_of(self, document_id: str) -> Document | None:
        """Return a document, or None when EasyBill has none by that id."""
        answer = self._easybill.call("GET", f"/documents/{_segment(document_id)}")
        return None if answer.status == HTTPStatus.NOT_FOUND else _document(object_of(answer))

    def finish(self, document_id: str) -> Document:
        """Give a draft its number: from then on it is a legal document. A finished one stays as it is."""
        return _document(self._easybill.json("PUT", f"/documents/{_segment(document_id)}/done"))

    def delete_draft(self, document_id: str) -> None:
        """Delete a draft; FinishedDocumentError for anything else, and nothing when it is gone."""
        document = self.document_of(document_id)
        if document is None:
            return
        if not document.is_draft:
            raise FinishedDocumentError
        answer = self._easybill.call("DELETE", f"/documents/{_segment(document_id)}")
        if answer.status != HTTPStatus.NOT_FOUND:
            refuse_failure(answer)

    def pdf_of(self, document_id: str) -> bytes:
        """Return a document's PDF, byte for byte."""
        answer = self._easybill.call("GET", f"/documents/{_segment(document_id)}/pdf")
        refuse_failure(answer)
        if not answer.content.startswith(b"%PDF"):
            raise EasybillUnavailableError("EasyBill answered something that is not a PDF.")
        return answer.content

    def e_invoice_of(self, document_id: str, format_name: str) -> bytes | None:
        """Return a document as `xrechnung` or `zugferd`, byte for byte; None where the account makes none."""
        answer = self._easybill.call(
            "GET", f"/documents/{_segment(document_id)}/download", accept=_FORMATS[format_name]
        )
        if answer.status == HTTPStatus.NOT_ACCEPTABLE:
            return None
        refuse_failure(answer)
        begins_with = b"<" if format_name == "xrechnung" else b"%PDF"
        if not answer.content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(begins_with):
            raise EasybillUnavailableError("EasyBill answered something that is not in that format.")
        return answer.content

    def documents_edited_since(self, day: dt.date, page: int = 1) -> DocumentPage:
        """Return a page, counted from 1, of the documents edited on a day or later, drafts as well."""
        asked = {"edited_at": f"{day.isoformat()},{_FAR_AWAY_ON}"}  # it wants both ends
        return self._page(asked, page)

    def drafts(self, page: int = 1) -> DocumentPage:
        """Return a page, counted from 1, of all drafts of the account, whoever made them."""
        return self._page({"is_draft": "1"}, page)

    def _page(self, asked: dict[str, str], page: int) -> DocumentPage:
        items, pages = self._easybill.page("/documents", asked, page)
        return DocumentPage([_document(each) for each in items], pages)

    def record_payment(
        self, document_id: str, amount_hundredths: int, paid_on: dt.date, reference: str
    ) -> str:
        """Say that a document was paid and return the payment's id; the same reference counts once."""
        known = self._easybill.list_of(
            "/document-payments", {"document_id": _segment(document_id), "reference": escaped(reference)}
        )
        for payment in known:
            if payment.get("reference") == reference:
                return id_of(payment)
        body = {
            "document_id": int(document_id),
            "amount": amount_hundredths,
            "payment_at": paid_on.isoformat(),
            "reference": reference,
        }
        return id_of(self._easybill.json("POST", "/document-payments", body=body))


def _document(found: Body) -> Document:
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


def _segment(document_id: str) -> str:
    assert document_id.isascii(), "an id of EasyBill's is a whole number"
    assert document_id.isdecimal(), "an id of EasyBill's is a whole number"
    return document_id


def _customer_body(facts: CustomerFacts) -> Body:
    return {
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


def _draft_body(customer_id: str, facts: DraftFacts) -> Body:
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
