"""The lines of final invoices, as they were written."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from portal.models import LINE_COLUMNS, InvoiceHead, InvoiceItem, InvoiceLine
from portal.storage import db

# Rows rather than mapped objects: those took longer to map than to read.
_items = InvoiceItem.__table__.c
_LINES: Select[*tuple[Any, ...]] = select(*(_items[name] for name in LINE_COLUMNS)).where(
    _items.organization_id == bindparam("organization_id"), _items.invoice_id == bindparam("invoice_id")
)
_IN_ORDER = _LINES.order_by(_items.id)
_BY_PROJECT = _LINES.order_by(_items.project_name, _items.id)


def invoice_lines(
    invoice: InvoiceHead, organization_id: int, invoice_id: int, *, by_project: bool = False
) -> Sequence[InvoiceLine]:
    """Return the lines of a final invoice in the order of its page, or by the name of the project."""
    parameters = {"organization_id": organization_id, "invoice_id": invoice_id}
    rows = db.session.execute(_BY_PROJECT if by_project else _IN_ORDER, parameters).all()
    return [InvoiceLine.from_row(invoice, row) for row in rows]
