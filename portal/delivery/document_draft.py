"""The content of an invoice's legal document, and the check that the provider's draft has it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.errors import ConflictError
from portal.domain.money import Money
from portal.domain.numbers import grouped
from portal.domain.period import Month
from portal.domain.rating import quantity_of
from portal.domain.vat import VatRules, VatTreatment, apply_credit, document_totals
from portal.domain.vat_texts import vat_text
from portal.gateways.invoicing import CREDIT, INVOICE, Document, DocumentDraft, DraftLine
from portal.ledger.document_lines import DocumentLine, document_lines
from portal.ledger.vat_snapshot import vat_snapshot
from portal.models import Invoice, InvoiceLine, LegalDocument, Organization
from portal.storage import db

DUE_IN_DAYS = 14


class TotalsDifferError(ConflictError):
    """The totals of the provider's draft and ours differ."""


class VatDiffersError(ConflictError):
    """The draft says something else about VAT than this invoice does: delete the draft."""


class VatCasesMixedError(ConflictError):
    """The document would have positions that are taxed for different reasons; it can state only one."""


class LinesDifferError(ConflictError):
    """The lines of the invoice do not add up to its total."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A document as it has to come out; `due` is what is to be paid once earlier credit is set off."""

    draft: DocumentDraft
    net: Money
    gross: Money
    due: Money


def expected_document(
    organization: Organization, invoice: Invoice, document_on: dt.date, *, vat_rules: VatRules
) -> Expected:
    """Compose the document of an invoice; raises if VAT is undetermined or mixed, or lines do not add up."""
    month = invoice.month
    treated = _treated(organization, invoice, vat_rules)
    rated = [(how.rate_basis_points, each) for how, each in treated]
    totals = document_totals((rate, each.net.cents) for rate, each in rated)
    net = Money(totals.net_minor, invoice.currency)
    gross = Money(totals.gross_minor, invoice.currency)
    if net != invoice.total:
        raise LinesDifferError(
            f"The lines add up to {_plain(net)}, the invoice says {_plain(invoice.total)}."
        )
    treatment = _only_treatment([how for how, _ in treated])
    language = organization.language
    corrected = _documents_of(organization, [each.corrects for _, each in rated if each.corrects])
    due = _due(invoice, gross)
    draft = DocumentDraft(
        external_id=str(invoice.uid),
        document_on=document_on,
        service_from=month.first_on,
        service_to=month.last_on,
        currency=invoice.currency,
        vat_case=treatment.case,
        vat_text=vat_text(treatment, language, vat_rules.home),
        taxed_in=treatment.taxed_in,
        due_in_days=DUE_IN_DAYS,
        language=language,
        buyer_reference=organization.buyer_reference,
        order_number=organization.order_number,
        lines=[DraftLine(_description(each, language, corrected), each.net, rate) for rate, each in rated],
        type=INVOICE if (net.cents or gross.cents) > 0 else CREDIT,
        refers_to_id=_corrected_id(corrected) if net.cents < 0 else None,
        notes=_notes(gross, due, language),
    )
    return Expected(draft, net, gross, due)


def _treated(
    organization: Organization, invoice: Invoice, vat_rules: VatRules
) -> list[tuple[VatTreatment, DocumentLine]]:
    """Return the document's lines, each taxed as its month was when it was closed.

    Today's profile decides only where that was not determined or not kept.
    """
    head = invoice.head(organization.uid)
    lines = [InvoiceLine.from_row(head, item) for item in invoice.items]
    composed = document_lines(lines, invoice.currency)
    snapshot = vat_snapshot([organization.id], {line.corrects for line in composed if line.corrects})

    def treatment(month: Month) -> VatTreatment:
        basis = (
            snapshot.get((organization.id, month))
            or invoice.vat_basis
            or vat_rules.basis_of(organization.country, organization.vat_id)
        )
        return vat_rules.treatment_of(basis, month.last_on)

    return [(treatment(line.corrects or invoice.month), line) for line in composed]


def _only_treatment(treatments: Sequence[VatTreatment]) -> VatTreatment:
    """Return the case that all positions have in common; a document has room for one."""
    cases = {(each.case, each.taxed_in) for each in treatments}
    if len(cases) > 1:
        said = sorted(" ".join(filter(None, [case.replace("_", " "), area])) for case, area in cases)
        raise VatCasesMixedError(
            f"Its positions are taxed for different reasons ({', '.join(said)}) and a document can state"
            " only one. It corrects a month from before the billing profile changed: make these"
            " documents by hand, as your tax adviser says."
        )
    return treatments[0]


def _documents_of(organization: Organization, months: list[Month]) -> Mapping[Month, LegalDocument]:
    """Return the documents of some months, as far as we have them."""
    query = (
        select(Invoice.period, LegalDocument)
        .join(LegalDocument)
        .where(
            Invoice.organization_id == organization.id, Invoice.period.in_({str(month) for month in months})
        )
    )
    return {Month.parse(period): document for period, document in db.session.execute(query)}


def _corrected_id(corrected: Mapping[Month, LegalDocument]) -> str | None:
    """Return the document that a credit refers to: it takes one, so the latest; lines name each."""
    return corrected[max(corrected, key=str)].provider_document_id if corrected else None


def _due(invoice: Invoice, gross: Money) -> Money:
    """Return what is to be paid once the credit that earlier months left is set off."""
    query = (
        select(Invoice.credit_cents)
        .where(
            Invoice.organization_id == invoice.organization_id,
            Invoice.id < invoice.id,
            Invoice.credit_cents.is_not(None),
        )
        .order_by(Invoice.id.desc())
        .limit(1)
    )
    due, _ = apply_credit(db.session.scalar(query) or 0, gross.cents)
    return Money(due, invoice.currency)


def _notes(gross: Money, due: Money, language: str) -> list[str]:
    """State the credit that was applied, and the credit that this document leaves."""
    is_german = language == "de"
    if gross.cents < 0:
        if is_german:
            return ["Der Betrag wird mit den nächsten Rechnungen verrechnet."]
        return ["This amount is set off against the next invoices."]
    if gross == due:
        return []
    set_off, to_pay = (f"{grouped(each.major, language)} {each.currency}" for each in (gross - due, due))
    if is_german:
        return [f"Verrechnet mit Guthaben aus früheren Monaten: {set_off}. Noch zu zahlen: {to_pay}."]
    return [f"Set off against credit of earlier months: {set_off}. Left to pay: {to_pay}."]


def refuse_difference(expected: Expected, document: Document, provider_name: str) -> None:
    """Raise TotalsDifferError, with both in words, unless a document is ours to the cent.

    Where the totals agree, a draft from before a change of the profile may still name the wrong case of VAT.
    """
    ours = expected.net.major, expected.gross.major, expected.net.currency
    if ours == (document.net, document.gross, document.currency):
        if expected.draft.vat_case not in document.vat_cases:
            raise VatDiffersError
        return
    state = "was not finished" if document.is_draft else "is already finished"
    raise TotalsDifferError(
        f"{provider_name}'s document {document.id} has {document.net:f} net and"
        f" {document.gross:f} gross in {document.currency}, ours has"
        f" {_plain(expected.net)} net and {_plain(expected.gross)} gross. It {state}."
    )


def _description(line: DocumentLine, language: str, corrected: Mapping[Month, LegalDocument]) -> str:
    """Name the product, and the quantity at each price: the true figures, every decimal."""
    currency = line.net.currency
    at = "zu" if language == "de" else "at"
    lines = [
        f"{grouped(quantity_of(nano), language)} {line.unit} {at} {grouped(price, language)} {currency}"
        for price, nano in line.quantities_nano.items()
    ]
    return "\n".join([line.name, *_correction(line.corrects, language, corrected), *lines])


def _correction(month: Month | None, language: str, corrected: Mapping[Month, LegalDocument]) -> list[str]:
    """Say which month and which document a position corrects: the law wants both named."""
    if month is None:
        return []
    heading = f"{'Korrektur für' if language == 'de' else 'Correction of'} {month.number:02}/{month.year}"
    document = corrected.get(month)
    if document is None:
        return [heading]
    if language == "de":
        return [f"{heading}, Rechnung {document.number} vom {document.document_on:%d.%m.%Y}"]
    return [f"{heading}, invoice {document.number} of {document.document_on.isoformat()}"]


def _plain(amount: Money) -> str:
    return f"{amount.major:f} {amount.currency}"
