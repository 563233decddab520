"""EasyBill's JSON: how our requests are written and its answers read.

EasyBill counts in hundredths whatever the currency, and answers null almost anywhere: every field of an
answer may be missing.
"""

import re
from collections import Counter
from decimal import Decimal

from portal.domain.money import Money, exponent_of
from portal.domain.vat import VatCase
from portal.gateways.easybill_http import Body, date, id_of, text, whole
from portal.gateways.invoicing import (
    CREDIT,
    STORNO,
    STORNO_CREDIT,
    CurrencyNotCarriedError,
    Document,
    DocumentDraft,
    DraftLine,
    InvoicingCustomer,
)

# The sign of a document type's amounts, whichever sign the account writes them with.
_SIGNS = {CREDIT: -1, STORNO: -1, STORNO_CREDIT: 1}
_CREDIT_TITLES = {"de": "Rechnungskorrektur", "en": "Credit note"}  # a "Gutschrift" is something else by law
_HUNDREDTHS_DECIMALS = 2
_VAT_OPTIONS = {
    VatCase.DOMESTIC: "NULL",
    VatCase.REVERSE_CHARGE: "nStbUstID",
    VatCase.ONE_STOP_SHOP: "NULL",  # taxable, at the rate of another member state
    VatCase.THIRD_COUNTRY: "nStb",
}


def hundredths_of(amount: Money) -> int:
    """Return an amount as EasyBill counts it: ¥12 is 1200, €12.34 is 1234."""
    decimals = exponent_of(amount.currency)
    if decimals > _HUNDREDTHS_DECIMALS:
        raise CurrencyNotCarriedError(f"EasyBill counts in hundredths and cannot carry {amount.currency}.")
    return int(amount.cents * 10 ** (_HUNDREDTHS_DECIMALS - decimals))


def refuse_fractions(draft: DocumentDraft) -> None:
    """Raise for VAT that is no whole amount of a coarse currency: EasyBill knows parts of a yen."""
    unit = hundredths_of(Money(1, draft.currency))
    net_by_rate: Counter[int] = Counter()
    for line in draft.lines:
        net_by_rate[line.rate_basis_points] += hundredths_of(line.net)
    if unit == 1 or all(rate * net % (10_000 * unit) == 0 for rate, net in net_by_rate.items()):
        return
    raise CurrencyNotCarriedError(
        f"EasyBill works VAT out to hundredths, which {draft.currency} does not have: bill this customer in a"
        " currency of hundredths."
    )


def document_from(body: Body) -> Document:
    """Read a document; a missing field is None."""
    sign = _SIGNS.get(text(body.get("type")) or "")
    amounts = [whole(body.get(name)) for name in ("amount_net", "amount", "paid_amount")]
    if sign is not None:  # whether a credit's amounts have a minus is nowhere described
        amounts = [sign * abs(each) for each in amounts]
    net, gross, paid = (Decimal(each).scaleb(-_HUNDREDTHS_DECIMALS) for each in amounts)
    return Document(
        id=id_of(body),
        external_id=text(body.get("external_id")),
        type=text(body.get("type")),
        number=text(body.get("number")),
        is_draft=body.get("is_draft") is True,  # a document that is not surely a draft is never deleted
        customer_id=text(body.get("customer_id")),
        document_on=date(body.get("document_date")),
        due_on=date(body.get("due_date")),
        paid_on=date(body.get("paid_at")),
        cancelled_by_id=text(body.get("cancel_id")),
        currency=text(body.get("currency")) or "EUR",
        net=net,
        gross=gross,
        paid=paid,
        refers_to_id=text(body.get("ref_id")),
        vat_cases=_vat_cases(text(body.get("vat_option"))),
    )


def _vat_cases(vat_option: str | None) -> frozenset[VatCase]:
    """Return the cases that an option fits; the normal case is told as null or as NULL."""
    return frozenset(case for case, option in _VAT_OPTIONS.items() if option == (vat_option or "NULL"))


def customer_body(customer: InvoicingCustomer) -> Body:
    """Write a customer as EasyBill reads it; nothing in it is a placeholder of EasyBill's."""
    body = {
        "number": customer.number,
        "company_name": customer.name,
        "last_name": "",  # one of the two is enough, but both are asked for
        "street": customer.street,
        "zip_code": customer.postal_code,
        "city": customer.city,
        "country": customer.country,
        "vat_identifier": customer.vat_id or "",
        "buyer_reference": customer.buyer_reference or "",
        "emails": list(dict.fromkeys(customer.emails))[:3],
    }
    return _inert(body)


def draft_body(customer_id: str, draft: DocumentDraft) -> Body:
    """Write a document as EasyBill reads it."""
    is_german = draft.language == "de"
    body = {
        "type": draft.type,
        "title": _CREDIT_TITLES["de" if is_german else "en"] if draft.type == CREDIT else None,
        "ref_id": int(draft.refers_to_id) if draft.refers_to_id else None,
        "customer_id": int(customer_id),
        "external_id": draft.external_id,
        "document_date": draft.document_on.isoformat(),
        "due_in_days": draft.due_in_days,
        "currency": draft.currency,
        "vat_option": _VAT_OPTIONS[draft.vat_case],
        "text_tax": draft.vat_text,
        "is_oss": True if draft.taxed_in else None,
        "fulfillment_country": draft.taxed_in,
        "buyer_reference": draft.buyer_reference,
        "order_number": draft.order_number,
        "pdf_template": "DE" if is_german else "EN",
        "service_date": {
            "type": "SERVICE",
            "date_from": draft.service_from.isoformat(),
            "date_to": draft.service_to.isoformat(),
        },
        "items": _item_bodies(draft),
    }
    return {name: value for name, value in body.items() if value is not None}


def _item_bodies(draft: DocumentDraft) -> list[Body]:
    """Return the lines and notes; a credit says what it gives back, so its amounts are turned round."""
    sign = -1 if draft.type == CREDIT else 1
    lines = [_line_body(each, sign) for each in draft.lines]
    return lines + [{"type": "TEXT", "description": without_placeholders(each)} for each in draft.notes]


def _line_body(line: DraftLine, sign: int) -> Body:
    """A quantity of one at a whole price: no rounding of EasyBill's can change it."""
    return {
        "type": "POSITION",
        "itemType": "SERVICE",
        "description": without_placeholders(line.description),
        "quantity": 1,
        "single_price_net": sign * hundredths_of(line.net),
        "vat_percent": _percent(line.rate_basis_points),
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
