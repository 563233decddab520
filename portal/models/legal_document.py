"""Our mirror of EasyBill's documents: what pages read, and the PDF bytes as they were fetched."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import BigInteger, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.money import Money
from portal.extensions import Model
from portal.models.owned import ORGANIZATION, OrganizationOwned, owned_table, refers_to


class LegalStatus(StrEnum):
    """EasyBill gives an invoice no status: it follows from its other fields."""

    OPEN = "open"
    PAID = "paid"
    OVERDUE = "overdue"
    CANCELLED = "cancelled"


class LegalDocument(OrganizationOwned, Model):
    """A finished document at EasyBill. It is never changed there, only paid or cancelled."""

    __tablename__ = "legal_document"
    __table_args__ = owned_table(
        "legal_document",
        UniqueConstraint("organization_id", "easybill_id"),
        refers_to("invoice", "invoice_id"),
    )
    easybill_id: Mapped[str]
    invoice_id: Mapped[int | None] = mapped_column(Integer)
    number: Mapped[str]
    type: Mapped[str]
    document_on: Mapped[dt.date]
    due_on: Mapped[dt.date | None]
    paid_on: Mapped[dt.date | None]
    is_cancelled: Mapped[bool]
    currency: Mapped[str] = mapped_column(String(3))
    net_cents: Mapped[int] = mapped_column(BigInteger)
    gross_cents: Mapped[int] = mapped_column(BigInteger)
    synced_at: Mapped[dt.datetime]

    @property
    def net(self) -> Money:
        return Money(self.net_cents, self.currency)

    @property
    def gross(self) -> Money:
        return Money(self.gross_cents, self.currency)

    def status_on(self, today: dt.date) -> LegalStatus:
        """Return the payment state as of a day."""
        if self.is_cancelled:
            return LegalStatus.CANCELLED
        if self.paid_on is not None:
            return LegalStatus.PAID
        if self.due_on is not None and self.due_on < today:
            return LegalStatus.OVERDUE
        return LegalStatus.OPEN


class LegalDocumentFile(Model):
    """The PDF of a document, byte for byte as EasyBill made it; fetched once."""

    __tablename__ = "legal_document_file"
    __table_args__ = (refers_to("legal_document", "legal_document_id"), {"info": ORGANIZATION})
    organization_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    legal_document_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[dt.datetime]
