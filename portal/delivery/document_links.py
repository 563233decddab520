"""Links documents at the provider to our organizations, and to the invoices that they were made for."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Row, select

from portal.gateways.invoicing import CANCELLATIONS, Document
from portal.models import Delivery, Invoice, Organization
from portal.storage import db, read_transaction

_IDS_MAX = 500  # in one question to the database
_THROUGH = (Delivery.FINISHED, Delivery.DELIVERED)


def organizations_of(documents: Iterable[Document]) -> Mapping[str, int]:
    """Return {the provider's customer id: our organization}; the account may serve others as well."""
    ids = sorted({each.customer_id for each in documents if each.customer_id})
    organizations: dict[str, int] = {}
    with read_transaction():
        for start in range(0, len(ids), _IDS_MAX):
            query = select(Organization.invoicing_customer_id, Organization.id).where(
                Organization.invoicing_customer_id.in_(ids[start : start + _IDS_MAX])
            )
            rows = db.session.execute(query)
            organizations |= {
                customer_id: organization_id for customer_id, organization_id in rows if customer_id
            }
    return organizations


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
    with read_transaction():
        return db.session.execute(query).one_or_none()
