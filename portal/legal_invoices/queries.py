"""Reads of an organization's legal documents, from our copy: pages stay up when the provider is down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, Select, or_, select, tuple_

from portal.domain.errors import NotFoundError
from portal.domain.money import Money
from portal.domain.period import Month
from portal.domain.slices import Key, ListPage, Slice
from portal.ledger.synced import synced_until
from portal.legal_invoices.document_comparison import DocumentComparison, document_comparison
from portal.legal_invoices.files import formats_of, well_formed
from portal.models import Invoice, LegalDocument, LegalStatus, Organization
from portal.storage.database import db


@dataclass(frozen=True, slots=True)
class LegalInvoice:
    """A document and the invoice it bills; a cancellation bills none of ours.

    `synced_at` says how old our knowledge of its payment is.
    """

    organization_uid: UUID
    document: LegalDocument
    status: LegalStatus
    invoice: Invoice | None
    synced_at: dt.datetime | None

    @property
    def vat(self) -> Money:
        return self.document.gross - self.document.net

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
    """A document beside the lines it comes from; a cancellation has none."""

    invoice: LegalInvoice
    comparison: DocumentComparison
    related: Related
    formats: Sequence[str]

    @property
    def difference(self) -> Money:
        """How much the document differs from its lines: none, or it would not have been finished."""
        return self.invoice.document.net - self.comparison.lines_total


def legal_invoices_of(organization: Organization, page_slice: Slice, *, today: dt.date) -> LegalInvoiceList:
    """Return the documents, newest first; `page_slice.after` is (date, id) of the last one seen."""
    query = _documents(organization).order_by(LegalDocument.document_on.desc(), LegalDocument.id.desc())
    if page_slice.after is not None:
        query = query.where(tuple_(LegalDocument.document_on, LegalDocument.id) < tuple_(*page_slice.after))
    rows = db.session.execute(query.limit(page_slice.rows_to_read)).all()
    shown, next_key = page_slice.cut(rows, _key)
    synced_at = synced_until()
    return LegalInvoiceList(
        invoices=[_legal_invoice(organization, row, today, synced_at) for row in shown],
        next_key=next_key,
        synced_at=synced_at,
        is_first=page_slice.after is None,
    )


def legal_invoice_of(organization: Organization, document_id: str, *, today: dt.date) -> LegalInvoiceDetail:
    """Return one document with the lines behind it, or raise NotFoundError, for a stranger's as well."""
    row = db.session.execute(
        _documents(organization).where(LegalDocument.provider_document_id == well_formed(document_id))
    ).one_or_none()
    if row is None:
        raise NotFoundError
    document, invoice = row
    return LegalInvoiceDetail(
        _legal_invoice(organization, row, today, synced_until()),
        document_comparison(organization, invoice, document.currency),
        _related(document),
        formats_of(document),
    )


def _documents(organization: Organization) -> Select[LegalDocument, Invoice | None]:
    return (
        select(LegalDocument, Invoice)
        .outerjoin(
            Invoice,
            (Invoice.organization_id == LegalDocument.organization_id)
            & (Invoice.id == LegalDocument.invoice_id),
        )
        .where(LegalDocument.organization_id == organization.id)
    )


def _legal_invoice(
    organization: Organization,
    row: Row[LegalDocument, Invoice | None],
    today: dt.date,
    synced_at: dt.datetime | None,
) -> LegalInvoice:
    document, invoice = row
    # A document delivered after the last sync is as new as its delivery.
    latest = max(document.synced_at, synced_at) if synced_at else document.synced_at
    return LegalInvoice(organization.uid, document, document.status_on(today), invoice, latest)


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


def _key(row: Row[LegalDocument, Invoice | None]) -> Key:
    document = row[0]
    return (document.document_on, document.id)
