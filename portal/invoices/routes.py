"""Internal invoices: the list, and one with its lines."""

from uuid import UUID

from flask import Blueprint

from portal.access.auth import Policy, organization
from portal.invoices import queries, schema
from portal.invoices.queries import InvoiceList, InvoicePage
from portal.services import settings
from portal.web.clock import now, today
from portal.web.lists import requested_slice
from portal.web.operations import Operation
from portal.web.renders import renders

bp = Blueprint("invoices", __name__, url_prefix="/invoices")


@bp.get("")
@Policy("billing:read")
@Operation("list_invoices")
@renders("invoices/index.html", json=schema.invoice_list, fragments={"invoice_list"})
def index() -> InvoiceList:
    return queries.invoices_of(
        organization(), requested_slice(str), vat_rules=settings().vat_rules, now=now()
    )


@bp.get("/<uuid:invoice_id>")
@Policy("billing:read")
@Operation("get_invoice")
@renders("invoices/detail.html", json=schema.invoice)
def detail(invoice_id: UUID) -> InvoicePage:
    vat_rules = settings().vat_rules
    return queries.invoice_of(organization(), invoice_id, vat_rules=vat_rules, now=now(), today=today())
