"""The JSON contract. Add keys freely; renaming or removing one breaks clients."""

from __future__ import annotations

from flask import url_for

from portal.domain.rating import quantity_of
from portal.ledger.document_lines import DocumentLine
from portal.legal_invoices.queries import LegalInvoice, LegalInvoiceDetail, LegalInvoiceList
from portal.models import InvoiceLine
from portal.services import settings
from portal.web.json import JSON, decimal, instant, money, unit_price


def legal_invoice(invoice: LegalInvoice) -> JSON:
    document = invoice.document
    return {
        "id": document.provider_document_id,
        "internal_invoice_id": str(invoice.invoice.uid) if invoice.invoice else None,
        "number": document.number,
        "type": document.type,
        "document_date": document.document_on.isoformat(),
        "due_date": document.due_on.isoformat() if document.due_on else None,
        "status": invoice.status.value,
        "total_net": money(document.net),
        "total": money(document.gross),
        "amount_due": money(document.due),
        "amount_paid": money(document.paid),
        "amount_remaining": money(document.remaining),
        "paid_at": document.paid_on.isoformat() if document.paid_on else None,
        "period": str(invoice.month) if invoice.month else None,
        "refers_to_id": document.refers_to_provider_document_id,
        "cancelled_by_id": document.cancelled_by_provider_document_id,
        "synced_at": invoice.synced_at and instant(invoice.synced_at),
        "pdf_url": settings().portal_url + _download_path(invoice),
    }


def legal_invoice_list(page: LegalInvoiceList) -> list[JSON]:
    """The list leaves the positions out."""
    return [legal_invoice(each) for each in page.invoices]


def legal_invoice_detail(page: LegalInvoiceDetail) -> JSON:
    return legal_invoice(page.invoice) | {
        "corrected_by_ids": [each.provider_document_id for each in page.related.corrected_by],
        "formats": ["pdf", *page.formats],
        "difference": money(page.difference) if page.comparison.document_lines else None,
        "positions": [_position(page.invoice, each) for each in page.comparison.document_lines],
    }


def _position(invoice: LegalInvoice, position: DocumentLine) -> JSON:
    return {
        "name": position.name,
        "corrects": str(position.corrects) if position.corrects else None,
        "total_net": money(position.net),
        "difference": money(position.difference),
        "lines": [_line(invoice, each) for each in position.lines],
    }


def _line(invoice: LegalInvoice, line: InvoiceLine) -> JSON:
    usage = url_for(
        "usage.index", organization_id=invoice.organization_uid, _external=False, **line.usage_query
    )
    return {
        "item_id": str(line.uid),
        "project_name": line.project_name,
        **unit_price(line.unit_price, line.total.currency),
        "unit": line.unit,
        "quantity": decimal(quantity_of(line.quantity_nano)),
        "total": money(line.total),
        "usage_url": settings().portal_url + usage,
    }


def _download_path(invoice: LegalInvoice) -> str:
    document_id = invoice.document.provider_document_id
    return url_for(
        "legal_invoices.download", organization_id=invoice.organization_uid, invoice_id=document_id
    )
