"""Legal documents as machines read them: kept beside the PDF, byte for byte as they were made."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import ORGANIZATION, refers_to
from portal.storage.database import Model


class DocumentFormat(StrEnum):
    """Formats of EN 16931 that machines read; not every account makes them."""

    XRECHNUNG = "xrechnung"
    ZUGFERD = "zugferd"


class LegalDocumentFormat(Model):
    """A document as a machine reads it, byte for byte; `content` is None where the provider makes none."""

    __tablename__ = "legal_document_format"
    __table_args__ = (refers_to("legal_document", "legal_document_id"), {"info": ORGANIZATION})
    organization_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    legal_document_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    format: Mapped[str] = mapped_column(String(16), primary_key=True)
    media_type: Mapped[str | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    asked_at: Mapped[dt.datetime]
