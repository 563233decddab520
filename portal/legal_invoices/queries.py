"""Reads of an organization's legal documents, from our copy: pages stay up when the provider is down."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from portal.domain.errors import NotFoundError
from portal.domain.money import Money
from portal.domain.period import Month
from portal.domain.slices import ListPage, Slice
from portal.ledger.document_lines import DocumentLine, document_lines
from portal.ledger.invoice_lines import invoice_lines
from portal.ledger.open_balance import OpenBalance, open_balance_on
from portal.ledger.synced import synced_until
from portal.legal_invoices.files import formats_of, well_formed
from portal.models import Invoice, InvoiceLine, LegalDocument, LegalStatus, Organization
from portal.storage import db, newest_first


@dataclass(frozen=True, slots=True)
class LegalInvoice:
    """A document as it stands today; `synced_at` says how old our knowledge of its payment is."""

    organization_uid: UUID
    document: LegalDocument
    status: LegalStatus
    synced_at: dt.datetime

    @property
    def vat(self) -> Money:
        return self.document.gross - self.document.net

    @property
    def invoice(self) -> Invoice | None:
        """The invoice that it bills; a cancellation bills none of ours."""
        return self.document.invoice

    @property
    def month(self) -> Month | None:
        return None if self.invoice is None else self.invoice.month


@dataclass(frozen=True, kw_only=True)
class LegalInvoiceList(ListPage):
    """A slice of an organization's documents, newest first; `synced_at` says how old the copy is."""

    invoices: Sequence[LegalInvoice]
    synced_at: dt.datetime | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Related:
    """The documents that a document corrects or cancels, and those that correct or cancel it."""

    refers_to: LegalDocument | None
    cancelled_by: LegalDocument | None
    corrected_by: Sequence[LegalDocument]


@dataclass(frozen=True, slots=True)
class LegalInvoiceDetail:
    """A document beside the lines that it comes from; a cancellation has none."""

    invoice: LegalInvoice
    lines: Sequence[InvoiceLine]
    document_lines: Sequence[DocumentLine]
    related: Related
    formats: Sequence[str]
    balance: OpenBalance

    @property
    def lines_total(self) -> Money:
        return Money(sum(line.total_cents for line in self.lines), self.invoice.document.currency)

    @property
    def hidden_lines(self) -> int:
        """How many lines cost nothing, and are on no line of the document."""
        return len(self.lines) - sum(len(line.lines) for line in self.document_lines)

    @property
    def difference(self) -> Money:
        """How much the document differs from its lines: none, or it would not have been finished."""
        return self.invoice.document.net - self.lines_total


def legal_invoices_of(organization: Organization, page_slice: Slice, *, today: dt.date) -> LegalInvoiceList:
    """Return the documents, newest first; `page_slice.after` is (date, id) of the last one seen."""
    query = _documents(organization)
    shown, next_key = newest_first(query, page_slice, LegalDocument.document_on, LegalDocument.id)
    synced_at = synced_until()
    return LegalInvoiceList(
        invoices=[_legal_invoice(organization, document, today, synced_at) for document in shown],
        next_key=next_key,
        synced_at=synced_at,
        is_first=page_slice.after is None,
    )


def legal_invoice_of(organization: Organization, document_id: str, *, today: dt.date) -> LegalInvoiceDetail:
    """Return one document with the lines behind it, or raise NotFoundError, for a stranger's as well."""
    query = _documents(organization).where(LegalDocument.provider_document_id == well_formed(document_id))
    document = db.session.scalar(query)
    if document is None:
        raise NotFoundError
    lines: Sequence[InvoiceLine] = ()
    if document.invoice is not None:
        head = document.invoice.head(organization.uid)
        lines = invoice_lines(head, organization.id, document.invoice.id, by_project=True)
    return LegalInvoiceDetail(
        _legal_invoice(organization, document, today, synced_until()),
        lines,
        document_lines(lines, document.currency),
        _related(document),
        formats_of(document),
        open_balance_on(organization, [document], today=today),
    )


def _documents(organization: Organization) -> Select[LegalDocument]:
    query = select(LegalDocument).where(LegalDocument.organization_id == organization.id)
    return query.options(joinedload(LegalDocument.invoice))


def _legal_invoice(
    organization: Organization, document: LegalDocument, today: dt.date, synced_at: dt.datetime | None
) -> LegalInvoice:
    # A document delivered after the last sync is as new as its delivery.
    latest = max(document.synced_at, synced_at) if synced_at else document.synced_at
    return LegalInvoice(organization.uid, document, document.status_on(today), latest)


def _related(document: LegalDocument) -> Related:
    """Find the documents that this one names, and those that name it."""
    named = {document.refers_to_provider_document_id, document.cancelled_by_provider_document_id} - {None}
    query = select(LegalDocument).where(
        LegalDocument.organization_id == document.organization_id,
        or_(
            LegalDocument.provider_document_id.in_(named),
            LegalDocument.refers_to_provider_document_id == document.provider_document_id,
        ),
    )
    by_id = {
        other.provider_document_id: other for other in db.session.scalars(query.order_by(LegalDocument.id))
    }
    cancelled_by = by_id.get(document.cancelled_by_provider_document_id or "")
    return Related(
        refers_to=by_id.get(document.refers_to_provider_document_id or ""),
        cancelled_by=cancelled_by,
        corrected_by=[
            other
            for other in by_id.values()
            if other.refers_to_provider_document_id == document.provider_document_id
            and other is not cancelled_by
        ],
    )
