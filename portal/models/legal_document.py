"""Our copy of the invoicing provider's documents: what pages read, and the PDF bytes as they were fetched."""

import datetime as dt
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.money import Money
from portal.models.invoice import Invoice
from portal.models.owned import LOCAL, ORGANIZATION, OrganizationOwned, owned_table, refers_to
from portal.storage import Model


class LegalStatus(StrEnum):
    """A document has no status of its own at the provider: it follows from its other fields."""

    OPEN = "open"
    PAID = "paid"
    OVERDUE = "overdue"
    CANCELLED = "cancelled"


class LegalDocument(OrganizationOwned, Model):
    """A finished document at the invoicing provider. It is never changed there, only paid or cancelled.

    `provider_document_id` is its id there. A credit and a cancellation are below zero, and
    `refers_to_provider_document_id` is the document that they correct or cancel. `due_cents` is what is left
    to pay once earlier credit is set off: None for a document that is not made by us.
    """

    __tablename__ = "legal_document"
    __table_args__ = owned_table(
        "legal_document",
        UniqueConstraint(
            "organization_id",
            "provider_document_id",
            name="uq_legal_document_organization_id_easybill_id",  # its column had that name
        ),
        refers_to("invoice", "invoice_id"),
    )
    provider_document_id: Mapped[str]
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
    due_cents: Mapped[int | None] = mapped_column(BigInteger)
    paid_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    refers_to_provider_document_id: Mapped[str | None]
    cancelled_by_provider_document_id: Mapped[str | None]
    synced_at: Mapped[dt.datetime]
    invoice: Mapped[Invoice | None] = relationship(viewonly=True)

    @property
    def net(self) -> Money:
        return Money(self.net_cents, self.currency)

    @property
    def gross(self) -> Money:
        return Money(self.gross_cents, self.currency)

    @property
    def due(self) -> Money:
        """Return what it asks for once earlier credit is set off; payments are not subtracted."""
        return Money(max(self.gross_cents, 0) if self.due_cents is None else self.due_cents, self.currency)

    @property
    def paid(self) -> Money:
        return Money(self.paid_cents, self.currency)

    @property
    def remaining(self) -> Money:
        """Return what is still to be paid, after credit and payments."""
        return Money(max(self.due.cents - self.paid_cents, 0), self.currency)

    def status_on(self, today: dt.date) -> LegalStatus:
        """Return the payment state as of a day; where nothing is to be paid, it is paid."""
        if self.is_cancelled:
            return LegalStatus.CANCELLED
        if self.paid_on is not None or self.due.cents == 0:
            return LegalStatus.PAID
        if self.due_on is not None and self.due_on < today:
            return LegalStatus.OVERDUE
        return LegalStatus.OPEN


class DocumentFormat(StrEnum):
    """Formats of EN 16931 that machines read; not every account makes them."""

    XRECHNUNG = "xrechnung"
    ZUGFERD = "zugferd"


class LegalDocumentFile(Model):
    """The PDF of a document, byte for byte as the provider made it; fetched once."""

    __tablename__ = "legal_document_file"
    __table_args__ = (refers_to("legal_document", "legal_document_id"), {"info": ORGANIZATION})
    organization_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    legal_document_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[dt.datetime]


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


class SyncState(Model):
    """How far the sync of documents got: all that changed there before `synced_at` is in our tables."""

    __tablename__ = "mirror_state"
    __table_args__ = ({"info": LOCAL},)
    name: Mapped[str] = mapped_column(primary_key=True)
    synced_at: Mapped[dt.datetime]


class CallBudget(Model):
    """The calls that all our processes made of a provider in its last minute, and the pause it asked for.

    `called_at` are milliseconds since the epoch, oldest first.
    """

    __tablename__ = "call_budget"
    __table_args__ = ({"info": LOCAL},)
    name: Mapped[str] = mapped_column(primary_key=True)
    called_at: Mapped[list[int]] = mapped_column(JSON)
    paused_until: Mapped[int] = mapped_column(BigInteger, default=0)
