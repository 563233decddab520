"""Legal invoices: EasyBill's documents, as our mirror knows them."""

from __future__ import annotations

from portal.models import DocumentFormat, LegalStatus
from portal.openapi.headers import header_refs
from portal.openapi.operations import (
    OF_ORGANIZATION,
    SLICE,
    Part,
    in_path,
    in_query,
    one,
    operation,
    slice_of,
)
from portal.openapi.refusals import READING
from portal.openapi.shapes import (
    DAY,
    DECIMAL,
    INSTANT,
    MONEY,
    MONTH,
    TEXT,
    UID,
    UNIT_PRICE,
    URL,
    answered,
    list_of,
    one_of,
    or_null,
    ref,
    said,
)
from portal.web.json import JSON

_DOCUMENT_ID = said(TEXT, "EasyBill's document id.")
_HEAD = {
    "id": _DOCUMENT_ID,
    "internal_invoice_id": said(or_null(UID), "Ours; null for a cancellation."),
    "number": TEXT,
    "type": said(TEXT, "In EasyBill's words, such as INVOICE, CREDIT or STORNO."),
    "document_date": DAY,
    "due_date": or_null(DAY),
    "status": one_of(LegalStatus),
    "total_net": MONEY,
    "total": said(MONEY, "Gross."),
    "amount_due": said(
        MONEY, "Gross, to be paid once earlier credit is set off; payments are not subtracted."
    ),
    "amount_paid": MONEY,
    "amount_remaining": said(MONEY, "What is still to be paid, after credit and payments."),
    "paid_at": or_null(DAY),
    "period": said(or_null(MONTH), "The month that it bills."),
    "refers_to_id": said(or_null(TEXT), "The document that it corrects or cancels."),
    "cancelled_by_id": said(or_null(TEXT), "The document that cancels it."),
    "synced_at": said(or_null(INSTANT), "How old our knowledge of its payment is."),
    "pdf_url": URL,
}


def _file(description: str, *media_types: str) -> JSON:
    return {
        "description": description,
        "headers": header_refs("ETag", "Content-Disposition"),
        "content": {each: {} for each in media_types},
    }


PART = Part(
    tag="Legal invoices",
    about="The documents that EasyBill made, with their payment, and the lines they come from.",
    paths={
        "/organizations/{organization_id}/invoices": {
            "get": operation(
                "list_legal_invoices",
                "The legal invoices of an organization, the newest first",
                wanted="billing:read",
                parameters=[OF_ORGANIZATION, *SLICE],
                answers={200: slice_of("LegalInvoiceSummary")},
            ),
        },
        "/organizations/{organization_id}/invoices/{invoice_id}": {
            "get": operation(
                "get_legal_invoice",
                "One legal invoice, beside the lines it comes from",
                wanted="billing:read",
                parameters=[OF_ORGANIZATION, in_path("invoice_id", "EasyBill's document id.", TEXT)],
                answers={200: one("LegalInvoice")},
            ),
        },
        "/organizations/{organization_id}/invoices/download": {
            "get": operation(
                "download_legal_invoice",
                "The document itself, byte for byte as EasyBill made it",
                wanted="billing:read",
                parameters=[
                    OF_ORGANIZATION,
                    in_query("invoice_id", "EasyBill's document id.", is_required=True),
                    in_query(
                        "format",
                        "The PDF where it is left out; 406 where the document was not made in that format.",
                        one_of(DocumentFormat),
                    ),
                ],
                answers={
                    200: _file("The file.", "application/pdf", "application/xml"),
                    304: {
                        "description": "It is the one that `If-None-Match` names.",
                        "headers": header_refs("ETag", "Content-Disposition"),
                    },
                },
                refused=(*READING, 406),
            ),
        },
    },
    schemas={
        "LegalInvoiceSummary": answered("A document that is never changed, only paid or cancelled.", _HEAD),
        "LegalInvoice": answered(
            "A document, beside the lines of the internal invoice that it comes from.",
            {
                **_HEAD,
                "corrected_by_ids": said(list_of(_DOCUMENT_ID), "The documents that correct it."),
                "formats": said(list_of(one_of(("pdf", *DocumentFormat))), "In which the file can be had."),
                "difference": said(
                    or_null(MONEY), "Its net less that of the lines; null where it has no lines of ours."
                ),
                "positions": list_of(ref("LegalInvoicePosition")),
            },
        ),
        "LegalInvoicePosition": answered(
            "A position of the document.",
            {
                "name": TEXT,
                "corrects": said(or_null(MONTH), "The earlier month that it corrects."),
                "total_net": MONEY,
                "difference": said(MONEY, "Its net less that of its lines."),
                "lines": list_of(ref("LegalInvoiceLine")),
            },
        ),
        "LegalInvoiceLine": answered(
            "A line of the internal invoice.",
            {
                "item_id": UID,
                "project_name": or_null(TEXT),
                **UNIT_PRICE,
                "unit": TEXT,
                "quantity": DECIMAL,
                "total": MONEY,
                "usage_url": said(URL, "The hours behind it."),
            },
        ),
    },
)
