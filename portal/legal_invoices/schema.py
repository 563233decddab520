"""The JSON contract. Add keys freely; renaming or removing one breaks clients."""

from __future__ import annotations

from flask import url_for

from portal.legal_invoices.queries import LegalInvoice, LegalInvoiceDetail, LegalInvoiceList
from portal.web.json import JSON, money
from portal.web.providers import settings


def legal_invoice(invoice: LegalInvoice) -> JSON:
    document = invoice.document
    return {
        "id": document.easybill_id,
        "internal_invoice_id": str(invoice.invoice_uid) if invoice.invoice_uid else None,
        "number": document.number,
        "type": document.type,
        "document_date": document.document_on.isoformat(),
        "due_date": document.due_on.isoformat() if document.due_on else None,
        "status": invoice.status.value,
        "total_net": money(document.net),
        "total": money(document.gross),
        "paid_at": document.paid_on.isoformat() if document.paid_on else None,
        "pdf_url": settings().portal_url + _download_path(invoice),
    }


def legal_invoice_list(page: LegalInvoiceList) -> list[JSON]:
    return [legal_invoice(each) for each in page.invoices]


def legal_invoice_detail(page: LegalInvoiceDetail) -> JSON:
    return legal_invoice(page.invoice)


def _download_path(invoice: LegalInvoice) -> str:
    document_id = invoice.document.easybill_id
    return url_for(
        "legal_invoices.download", organization_id=invoice.organization_uid, invoice_id=document_id
    )
