"""The files of a legal document, byte for byte as the provider made them: always from our store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.errors import NotAcceptableError, NotFoundError
from portal.models import DocumentFormat, LegalDocument, LegalDocumentFile, LegalDocumentFormat, Organization
from portal.storage import db

_NOT_KEPT = {
    True: "This document is still being fetched as {}. Its PDF is complete.",
    False: "We do not make documents as {}. Their PDF is complete.",
}


@dataclass(frozen=True, slots=True)
class LegalFile:
    """A document as the provider made it, byte for byte."""

    name: str
    media_type: str
    sha256: str
    content: bytes


class NoSuchFormatError(NotAcceptableError):
    """The document does not exist in that format."""


def pdf_of(organization: Organization, document_id: str) -> LegalFile:
    """Return the PDF we keep of a document, or raise NotFoundError."""
    document = _document_of(organization, document_id)
    file = db.session.get_one(LegalDocumentFile, (organization.id, document.id))
    return LegalFile(f"{_file_name(document)}.pdf", "application/pdf", file.sha256, file.content)


def e_invoice_of(
    organization: Organization, document_id: str, document_format: DocumentFormat, *, offered: Collection[str]
) -> LegalFile:
    """Return a document as machines read it; NoSuchFormatError says why there is none.

    `offered` are the formats that documents are made in: one of them may still be on its way.
    """
    document = _document_of(organization, document_id)
    file = db.session.get(LegalDocumentFormat, (organization.id, document.id, document_format))
    if file is None:
        raise NoSuchFormatError(_NOT_KEPT[document_format in offered].format(document_format.upper()))
    if file.content is None or file.sha256 is None or file.media_type is None:
        raise NoSuchFormatError(
            f"This document was not made as {document_format.upper()}. Its PDF is complete."
        )
    ending = "xml" if document_format is DocumentFormat.XRECHNUNG else "pdf"
    name = f"{_file_name(document)}-{document_format}.{ending}"
    return LegalFile(name, file.media_type, file.sha256, file.content)


def _document_of(organization: Organization, document_id: str) -> LegalDocument:
    query = select(LegalDocument).where(
        LegalDocument.organization_id == organization.id,
        LegalDocument.provider_document_id == well_formed(document_id),
    )
    document = db.session.scalar(query)
    if document is None:
        raise NotFoundError
    return document


def _file_name(document: LegalDocument) -> str:
    return f"{document.type.lower()}-{document.number}"


def formats_of(document: LegalDocument) -> Sequence[str]:
    """Return the formats, beside the PDF, in which we keep a document."""
    query = select(LegalDocumentFormat.format).where(
        LegalDocumentFormat.organization_id == document.organization_id,
        LegalDocumentFormat.legal_document_id == document.id,
        LegalDocumentFormat.content.is_not(None),
    )
    return db.session.scalars(query.order_by(LegalDocumentFormat.format)).all()


def well_formed(document_id: str) -> str:
    """Refuse a text that is no document's id."""
    if not (document_id.isascii() and document_id.isprintable()):
        raise NotFoundError
    return document_id
