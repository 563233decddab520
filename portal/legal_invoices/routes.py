"""Legal invoices: the list, one beside the lines it comes from, and its PDF."""

import datetime as dt
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from portal.access.auth import Policy, organization
from portal.domain.errors import ValidationError
from portal.legal_invoices import files, queries, schema
from portal.legal_invoices.queries import LegalInvoiceDetail, LegalInvoiceList
from portal.models import DocumentFormat
from portal.services import settings
from portal.web.args import choice
from portal.web.clock import today
from portal.web.files import unchanging_file
from portal.web.lists import requested_slice
from portal.web.operations import Operation
from portal.web.renders import renders

bp = Blueprint("legal_invoices", __name__, url_prefix="/organizations/<uuid:organization_id>/invoices")


@bp.get("")
@Policy("billing:read")
@Operation("list_legal_invoices")
@renders("legal_invoices/index.html", json=schema.legal_invoice_list, fragments={"legal_invoice_list"})
def index(**_: UUID) -> LegalInvoiceList:
    return queries.legal_invoices_of(organization(), requested_slice(dt.date, int), today=today())


@bp.get("/<invoice_id>")
@Policy("billing:read")
@Operation("get_legal_invoice")
@renders("legal_invoices/detail.html", json=schema.legal_invoice_detail)
def detail(invoice_id: str, **_: UUID) -> LegalInvoiceDetail:
    return queries.legal_invoice_of(organization(), invoice_id, today=today())


@bp.get("/download")
@Policy("billing:read")
@Operation("download_legal_invoice", query=schema.DownloadQuery, refuses=[406])
def download(**_: UUID) -> Response:
    invoice_id = request.args.get("invoice_id")
    if not invoice_id:
        raise ValidationError({"invoice_id": ["is missing"]})
    document_format = choice("format", DocumentFormat)
    if document_format is None:
        file = files.pdf_of(organization(), invoice_id)
    else:
        file = files.e_invoice_of(
            organization(), invoice_id, document_format, offered=settings().document_formats
        )
    return unchanging_file(file.content, name=file.name, sha256=file.sha256, media_type=file.media_type)
