"""Whose a document at EasyBill is: which organization's, and whether it was made for an invoice of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Row, select

from portal.gateways.easybill_shapes import CANCELLATIONS, Document
from portal.models import Delivery, Invoice, Organization
from portal.storage.database import db, reading

_IDS_MAX = 500  # in one question to the database
_THROUGH = (Delivery.FINISHED, Delivery.DELIVERED)


def organizations_of(documents: Iterable[Document]) -> Mapping[str, int]:
    """Return {EasyBill's customer id: our organization}; the account may serve others as well."""
    ids = sorted({each.customer_id for each in documents if each.customer_id})
    found: dict[str, int] = {}
    with reading():
        for start in range(0, len(ids), _IDS_MAX):
            query = select(Organization.invoicing_customer_id, Organization.id).where(
                Organization.invoicing_customer_id.in_(ids[start : start + _IDS_MAX])
            )
            rows = db.session.execute(query)
            found |= {customer_id: each for customer_id, each in rows if customer_id}
        db.session.commit()
    return found


def is_of_invoice(organization_id: int, document: Document) -> bool:
    """Tell whether a document is the one of an invoice of ours, or will be: delivering keeps it."""
    if document.type in CANCELLATIONS:
        return False
    invoice = _invoice_of(organization_id, document)
    return invoice is not None and invoice.provider_document_id in {None, document.id}


def has_lost(organization_id: int, draft: Document) -> bool:
    """Tell whether a draft was made for an invoice whose finished document is another one."""
    invoice = _invoice_of(organization_id, draft)
    return invoice is not None and invoice.delivery in _THROUGH and invoice.provider_document_id != draft.id


def _invoice_of(organization_id: int, document: Document) -> Row[str | None, str] | None:
    try:
        uid = UUID(document.external_id or "")
    except ValueError:
        return None
    query = select(Invoice.provider_document_id, Invoice.delivery).where(
        Invoice.organization_id == organization_id, Invoice.uid == uid
    )
    with reading():
        row = db.session.execute(query).one_or_none()
        db.session.commit()
    return row
