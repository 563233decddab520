"""Our own copy of a finished legal document: its facts as a row, its PDF byte for byte.

Its content never changes; its payment and cancellation may, and are written into the audit trail.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.money import Money
from portal.gateways.invoicing import CANCELLATIONS, Document, money_of
from portal.ledger import audit
from portal.models import LegalDocument, LegalDocumentFile, add_owned, lock
from portal.storage import db

LEGAL_DOCUMENTS_LOCK = "legal_documents"  # held while a document is added to an organization
_FACTS = ("number", "type", "document_on", "currency", "net_cents", "gross_cents")  # of the audit trail


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """The invoice that a document bills, and the amount due."""

    invoice_id: int
    due: Money


def keep(
    organization_id: int, document: Document, pdf: bytes, *, link: DocumentLink | None, at: dt.datetime
) -> None:
    """Store a finished document with its PDF; storing it again changes no amount and no byte."""
    lock(organization_id, LEGAL_DOCUMENTS_LOCK)
    stored = row_of(organization_id, document.id)
    if stored is not None:
        if link is not None:
            stored.invoice_id, stored.due_cents = link.invoice_id, link.due.cents
        refresh(stored, document, at=at)
        return
    assert document.number, "a finished document has a number"
    assert document.document_on, "a finished document has a date"
    row = LegalDocument(
        provider_document_id=document.id,
        invoice_id=link and link.invoice_id,
        due_cents=link and link.due.cents,
        refers_to_provider_document_id=document.refers_to_id,
        number=document.number,
        type=document.type,
        document_on=document.document_on,
        currency=document.currency,
        net_cents=money_of(document.net, document.currency).cents,
        gross_cents=money_of(document.gross, document.currency).cents,
    )
    _take_over(row, document, at)
    add_owned(organization_id, row)
    db.session.flush()
    sha256 = hashlib.sha256(pdf).hexdigest()
    ids = {"organization_id": organization_id, "legal_document_id": row.id}
    db.session.add(LegalDocumentFile(**ids, sha256=sha256, content=pdf, fetched_at=at))
    facts = {name: getattr(row, name) for name in _FACTS} | {"sha256": sha256}
    audit.record(organization_id, "legal_invoice.issued", row.provider_document_id, after=facts)


def row_of(organization_id: int, document_id: str) -> LegalDocument | None:
    query = select(LegalDocument).where(
        LegalDocument.organization_id == organization_id, LegalDocument.provider_document_id == document_id
    )
    return db.session.scalar(query.execution_options(populate_existing=True))


def refresh(row: LegalDocument, document: Document, *, at: dt.datetime) -> None:
    """Take over what may still change about a finished document; the caller commits."""
    paid_before, cancelled_before = _payment(row), row.cancelled_by_provider_document_id
    _take_over(row, document, at)
    if _payment(row) != paid_before:
        action = "legal_invoice.paid" if row.paid_on else "legal_invoice.payment_changed"
        audit.record(
            row.organization_id, action, row.provider_document_id, before=paid_before, after=_payment(row)
        )
    if row.cancelled_by_provider_document_id != cancelled_before:
        audit.record(
            row.organization_id,
            "legal_invoice.cancelled",
            row.provider_document_id,
            before={"number": row.number, "cancelled_by": cancelled_before},
            after={"number": row.number, "cancelled_by": row.cancelled_by_provider_document_id},
        )


def _payment(row: LegalDocument) -> dict[str, object]:
    return {
        "number": row.number,
        "currency": row.currency,
        "paid_on": row.paid_on,
        "paid_cents": row.paid_cents,
    }


def _take_over(row: LegalDocument, document: Document, at: dt.datetime) -> None:
    row.due_on = document.due_on
    row.paid_on = document.paid_on
    row.paid_cents = money_of(document.paid, document.currency).cents
    row.cancelled_by_provider_document_id = document.cancelled_by_id
    # Neither a cancelled document nor the one that cancels it is owed any more.
    row.is_cancelled = document.cancelled_by_id is not None or document.type in CANCELLATIONS
    row.synced_at = at
