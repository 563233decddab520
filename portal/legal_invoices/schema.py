"""The JSON contract of legal invoices. Add keys freely; renaming or removing one breaks clients."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from portal.ledger.document_lines import DocumentLine
from portal.legal_invoices import queries
from portal.models import DocumentFormat, InvoiceLine, LegalStatus
from portal.web import shapes
from portal.web.shapes import Answer, doc

DocumentId = Annotated[str, doc("EasyBill's document id.")]


class DownloadQuery(Struct):
    """Which file is meant."""

    invoice_id: DocumentId
    format: (
        Annotated[
            DocumentFormat,
            doc("The PDF where it is left out; 406 where the document was not made in that format."),
        ]
        | UnsetType
    ) = UNSET


class LegalInvoiceLine(Answer, frozen=True):
    """A line of the internal invoice."""

    item_id: UUID
    project_name: str | None
    unit_price: shapes.RoundedPrice
    unit_price_decimal: shapes.ExactPrice
    unit: str
    quantity: shapes.PlainDecimal
    total: shapes.Money
    usage_url: Annotated[shapes.Url, doc("The hours behind it.")]


class LegalInvoicePosition(Answer, frozen=True):
    """A position of the document."""

    name: str
    corrects: Annotated[shapes.MonthText | None, doc("The earlier month that it corrects.")]
    total_net: shapes.Money
    difference: Annotated[shapes.Money, doc("Its net less that of its lines.")]
    lines: list[LegalInvoiceLine]


class LegalInvoiceSummary(Answer, frozen=True):
    """A document that is never changed, only paid or cancelled."""

    id: DocumentId
    internal_invoice_id: Annotated[UUID | None, doc("Ours; null for a cancellation.")]
    number: str
    type: Annotated[str, doc("In EasyBill's words, such as INVOICE, CREDIT or STORNO.")]
    document_date: shapes.Day
    due_date: shapes.Day | None
    status: LegalStatus
    total_net: shapes.Money
    total: Annotated[shapes.Money, doc("Gross.")]
    amount_due: Annotated[
        shapes.Money, doc("Gross, to be paid once earlier credit is set off; payments are not subtracted.")
    ]
    amount_paid: shapes.Money
    amount_remaining: Annotated[shapes.Money, doc("What is still to be paid, after credit and payments.")]
    paid_at: shapes.Day | None
    period: Annotated[shapes.MonthText | None, doc("The month that it bills.")]
    refers_to_id: Annotated[str | None, doc("The document that it corrects or cancels.")]
    cancelled_by_id: Annotated[str | None, doc("The document that cancels it.")]
    synced_at: Annotated[shapes.Instant | None, doc("How old our knowledge of its payment is.")]
    pdf_url: shapes.Url


class LegalInvoice(LegalInvoiceSummary, frozen=True):
    """A document, beside the lines of the internal invoice that it comes from."""

    corrected_by_ids: Annotated[list[DocumentId], doc("The documents that correct it.")]
    formats: Annotated[
        list[Annotated[str, doc(enum=["pdf", *DocumentFormat])]], doc("In which the file can be had.")
    ]
    difference: Annotated[
        shapes.Money | None, doc("Its net less that of the lines; null where it has no lines of ours.")
    ]
    positions: list[LegalInvoicePosition]


def legal_invoice_list(page: queries.LegalInvoiceList) -> list[LegalInvoiceSummary]:
    return [_summary(invoice) for invoice in page.invoices]


def legal_invoice_detail(page: queries.LegalInvoiceDetail) -> LegalInvoice:
    lines = page.document_lines
    return LegalInvoice.of(
        _summary(page.invoice),
        corrected_by_ids=[document.provider_document_id for document in page.related.corrected_by],
        formats=["pdf", *page.formats],
        difference=page.difference if lines else None,
        positions=[_position(line) for line in lines],
    )


def _summary(invoice: queries.LegalInvoice) -> LegalInvoiceSummary:
    document = invoice.document
    return LegalInvoiceSummary.of(
        document,
        id=document.provider_document_id,
        internal_invoice_id=invoice.invoice and invoice.invoice.uid,
        document_date=document.document_on,
        due_date=document.due_on,
        status=invoice.status,
        total_net=document.net,
        total=document.gross,
        amount_due=document.due,
        amount_paid=document.paid,
        amount_remaining=document.remaining,
        paid_at=document.paid_on,
        period=invoice.month,
        refers_to_id=document.refers_to_provider_document_id,
        cancelled_by_id=document.cancelled_by_provider_document_id,
        synced_at=invoice.synced_at,
        pdf_url=shapes.url(
            "legal_invoices.download",
            organization_id=invoice.organization_uid,
            invoice_id=document.provider_document_id,
        ),
    )


def _position(line: DocumentLine) -> LegalInvoicePosition:
    return LegalInvoicePosition.of(line, total_net=line.net, lines=[_line(part) for part in line.lines])


def _line(line: InvoiceLine) -> LegalInvoiceLine:
    return LegalInvoiceLine.of(
        line,
        item_id=line.uid,
        unit_price=shapes.rounded_price(line.unit_price, line.total.currency),
        unit_price_decimal=line.unit_price,
        quantity=shapes.quantity(line.quantity_nano),
        usage_url=shapes.url(
            "usage.index", organization_id=line.invoice.organization_uid, **line.usage_query
        ),
    )
