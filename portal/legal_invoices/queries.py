"""Reads of an organization's legal documents, from our mirror: pages stay up when EasyBill is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_

from portal.domain.errors import NotAcceptableError, NotFoundError
from portal.domain.money import Money
from portal.domain.period import Month
from portal.extensions import db
from portal.ledger.mirrored import mirrored_until
from portal.ledger.positions import Position, positions_of
from portal.models import (
    DocumentFormat,
    Invoice,
    InvoiceItem,
    LegalDocument,
    LegalDocumentFile,
    LegalDocumentFormat,
    LegalStatus,
    Organization,
)
from portal.web.lists import Key, ListPage, Slice
from portal.web.providers import settings

_NOT_KEPT = {
    True: "This document is still being fetched as {}. Its PDF is complete.",
    False: "We do not make documents as {}. Their PDF is complete.",
}


@dataclass(frozen=True, slots=True)
class LegalInvoice:
    """A document and the month it bills; a cancellation belongs to no month of ours."""

    organization_uid: UUID
    document: LegalDocument
    status: LegalStatus
    invoice_uid: UUID | None
    month: Month | None

    @property
    def vat(self) -> Money:
        return self.document.gross - self.document.net


@dataclass(frozen=True, kw_only=True)
class LegalInvoiceList(ListPage):
    """A slice of an organization's documents, newest first; `synced_at` says how old the mirror is."""

    invoices: Sequence[LegalInvoice]
    synced_at: dt.datetime | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the internal invoice, and what the usage page is asked for to show its hours."""

    project_name: str | None
    unit: str
    unit_price: Decimal
    quantity_nano: int
    total: Money
    hours: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PositionLines:
    """A position of the document, and the lines it comes from."""

    name: str
    net: Money
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class LegalInvoiceDetail:
    """A document beside the lines it comes from; a cancellation has none."""

    invoice: LegalInvoice
    positions: Sequence[PositionLines]
    lines_total: Money
    hidden_lines: int

    @property
    def difference(self) -> Money:
        """How much the document differs from its lines: none, or it would not have been finished."""
        return self.invoice.document.net - self.lines_total


@dataclass(frozen=True, slots=True)
class LegalFile:
    """A document as EasyBill made it, byte for byte."""

    name: str
    media_type: str
    sha256: str
    content: bytes


class NoSuchFormatError(NotAcceptableError):
    """The document does not exist in that format."""


def legal_invoices_of(organization: Organization, asked: Slice, *, today: dt.date) -> LegalInvoiceList:
    """Return the documents, newest first; `asked.after` is (date, id) of the last one seen."""
    query = _documents(organization).order_by(LegalDocument.document_on.desc(), LegalDocument.id.desc())
    if asked.after is not None:
        query = query.where(tuple_(LegalDocument.document_on, LegalDocument.id) < tuple_(*asked.after))
    rows = db.session.execute(query.limit(asked.rows_to_read)).all()
    shown, next_key = asked.cut(rows, _key)
    return LegalInvoiceList(
        invoices=[_legal_invoice(organization, row, today) for row in shown],
        next_key=next_key,
        synced_at=mirrored_until(),
        is_first=asked.after is None,
    )


def legal_invoice_of(organization: Organization, document_id: str, *, today: dt.date) -> LegalInvoiceDetail:
    """Return one document with the lines behind it, or raise NotFoundError, for a stranger's as well."""
    row = db.session.execute(
        _documents(organization).where(LegalDocument.easybill_id == _known_form(document_id))
    ).one_or_none()
    if row is None:
        raise NotFoundError
    invoice = _legal_invoice(organization, row, today)
    document = invoice.document
    items = [] if document.invoice_id is None else _items(organization, document.invoice_id)
    positions = [_position_lines(each) for each in positions_of(items, document.currency)]
    return LegalInvoiceDetail(
        invoice,
        positions,
        lines_total=Money(sum(item.total_cents for item in items), document.currency),
        hidden_lines=len(items) - sum(len(each.lines) for each in positions),
    )


def pdf_of(organization: Organization, document_id: str) -> LegalFile:
    """Return the PDF we keep of a document, or raise NotFoundError."""
    document = _document_of(organization, document_id)
    file = db.session.get_one(LegalDocumentFile, (organization.id, document.id))
    return LegalFile(f"{_file_name(document)}.pdf", "application/pdf", file.sha256, file.content)


def e_invoice_of(organization: Organization, document_id: str, wanted: DocumentFormat) -> LegalFile:
    """Return a document as machines read it; NoSuchFormatError says why there is none."""
    document = _document_of(organization, document_id)
    file = db.session.get(LegalDocumentFormat, (organization.id, document.id, wanted))
    if file is None:
        raise NoSuchFormatError(_NOT_KEPT[wanted in settings().easybill_formats].format(wanted.upper()))
    if file.content is None or file.sha256 is None or file.media_type is None:
        raise NoSuchFormatError(f"This document was not made as {wanted.upper()}. Its PDF is complete.")
    ending = "xml" if wanted is DocumentFormat.XRECHNUNG else "pdf"
    name = f"{_file_name(document)}-{wanted}.{ending}"
    return LegalFile(name, file.media_type, file.sha256, file.content)


def _document_of(organization: Organization, document_id: str) -> LegalDocument:
    query = select(LegalDocument).where(
        LegalDocument.organization_id == organization.id,
        LegalDocument.easybill_id == _known_form(document_id),
    )
    document = db.session.scalar(query)
    if document is None:
        raise NotFoundError
    return document


def _file_name(document: LegalDocument) -> str:
    return f"{document.type.lower()}-{document.number}"


def _documents(organization: Organization) -> Select[LegalDocument, UUID | None, str | None]:
    return (
        select(LegalDocument, Invoice.uid, Invoice.period)
        .outerjoin(
            Invoice,
            (Invoice.organization_id == LegalDocument.organization_id)
            & (Invoice.id == LegalDocument.invoice_id),
        )
        .where(LegalDocument.organization_id == organization.id)
    )


def _legal_invoice(
    organization: Organization, row: Row[LegalDocument, UUID | None, str | None], today: dt.date
) -> LegalInvoice:
    document, uid, period = row
    month = None if period is None else Month.parse(period)
    return LegalInvoice(organization.uid, document, document.status_on(today), uid, month)


def _key(row: Row[LegalDocument, UUID | None, str | None]) -> Key:
    document = row[0]
    return (document.document_on, document.id)


def _items(organization: Organization, invoice_id: int) -> Sequence[InvoiceItem]:
    query = (
        select(InvoiceItem)
        .where(InvoiceItem.organization_id == organization.id, InvoiceItem.invoice_id == invoice_id)
        .order_by(InvoiceItem.project_name, InvoiceItem.id)
    )
    return db.session.scalars(query).all()


def _position_lines(position: Position) -> PositionLines:
    return PositionLines(
        position.name, position.net, [_line(item, position.net.currency) for item in position.items]
    )


def _line(item: InvoiceItem, currency: str) -> Line:
    return Line(
        project_name=item.project_name,
        unit=item.unit,
        unit_price=item.unit_price,
        quantity_nano=item.quantity_nano,
        total=Money(item.total_cents, currency),
        hours={
            "granularity": "hour",
            "project_id": str(item.project_uid or "none"),
            "product_id": str(item.product_uid),
            "unit_price": f"{item.unit_price:f}",
        },
    )


def _known_form(document_id: str) -> str:
    """Refuse what no document is called; EasyBill's ids are whole numbers."""
    if not (document_id.isascii() and document_id.isdecimal()):
        raise NotFoundError
    return document_id
