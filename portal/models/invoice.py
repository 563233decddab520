"""Internal invoices: the lines and total of a closed month, and the delivery of its legal document."""

import datetime as dt
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.money import Money
from portal.domain.period import Month
from portal.domain.vat import VatBasis, VatCase
from portal.models.invoice_line import InvoiceHead, InvoiceItem
from portal.models.owned import OrganizationOwned, owned_table
from portal.storage import Leased, Model


class InvoiceStatus(StrEnum):
    """An open month is computed when asked; a final invoice is a row that never changes."""

    OPEN = "open"
    FINAL = "final"


class Delivery(StrEnum):
    """The state of an invoice's legal document at the invoicing provider."""

    NOT_NEEDED = "not_needed"  # nothing to pay: no document
    PENDING = "pending"
    DRAFTED = "drafted"
    FINISHED = "finished"
    DELIVERED = "delivered"
    STUCK = "stuck"  # will not go through by itself; `last_error` is the reason


class Invoice(OrganizationOwned, Leased):
    """A closed month of an organization. The delivery columns are the outbox; all others are final.

    `credit_cents` is the credit balance after it, gross, zero or negative; `due_cents` the amount to be paid
    after the credit before it was applied. Both are None where VAT is not determined.

    `vat_country`, `vat_id` and `vat_case` are the VAT basis as it was when the month was closed. The case
    is None where it was not determined; rows from before these columns have none of them.
    """

    __tablename__ = "invoice"
    __table_args__ = owned_table(
        "invoice",
        UniqueConstraint("organization_id", "period"),
        UniqueConstraint("organization_id", "number"),
        Index("ix_invoice_delivery", "delivery", "closed_at"),
    )
    period: Mapped[str] = mapped_column(String(7))
    number: Mapped[str]
    currency: Mapped[str] = mapped_column(String(3))
    total_cents: Mapped[int] = mapped_column(BigInteger)
    due_cents: Mapped[int | None] = mapped_column(BigInteger)
    credit_cents: Mapped[int | None] = mapped_column(BigInteger)
    vat_country: Mapped[str | None] = mapped_column(String(2))
    vat_id: Mapped[str | None]
    vat_case: Mapped[str | None]
    closed_at: Mapped[dt.datetime]
    delivery: Mapped[str] = mapped_column(default=Delivery.PENDING)
    document_on: Mapped[dt.date | None]
    provider_document_id: Mapped[str | None]
    items: Mapped[list[InvoiceItem]] = relationship(
        viewonly=True,
        primaryjoin="and_(Invoice.organization_id == foreign(InvoiceItem.organization_id),"
        " Invoice.id == foreign(InvoiceItem.invoice_id))",
        order_by="InvoiceItem.id",
    )

    @property
    def total(self) -> Money:
        return Money(self.total_cents, self.currency)

    @property
    def month(self) -> Month:
        return Month.parse(self.period)

    def head(self, organization_uid: UUID) -> InvoiceHead:
        """Return what its lines have in common."""
        return InvoiceHead(organization_uid, self.uid, self.month, self.currency)

    @property
    def vat_basis(self) -> VatBasis | None:
        """Its VAT basis for good; None where the profile of today still decides."""
        if self.vat_case is None or self.vat_country is None:
            return None
        return VatBasis(VatCase(self.vat_case), self.vat_country)


class MonthReview(OrganizationOwned, Model):
    """A month that looked wrong when it was to be closed. It waits until an operator has looked at it."""

    __tablename__ = "parked_month"
    __table_args__ = owned_table("parked_month", UniqueConstraint("organization_id", "period"))
    period: Mapped[str] = mapped_column(String(7))
    reason: Mapped[str]
    began_at: Mapped[dt.datetime] = mapped_column("parked_at")
    ended_at: Mapped[dt.datetime | None] = mapped_column("released_at")
