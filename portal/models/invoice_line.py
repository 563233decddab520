"""One line of an invoice: its table and the frozen value that previews, pages, JSON and documents share.

A new field of a line is a column and a field here, in the order of both, and its value in `composed`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.money import Money
from portal.domain.period import Month
from portal.models.owned import OrganizationOwned, owned_table, refers_to
from portal.models.product import ProductName
from portal.models.subscription import ProjectName
from portal.storage import Model, Price, WideInteger


class ItemKind(StrEnum):
    """A line bills a month's own usage, or late usage of a month that is invoiced already."""

    USAGE = "usage"
    CORRECTION = "correction"


def invoice_uid(organization_uid: UUID, period: str) -> UUID:
    """Return the public id of a month's invoice: the same while it is open and when it is final."""
    return uuid5(NAMESPACE_URL, f"invoice/{organization_uid}/{period}")


def item_uid(invoice: UUID, project: UUID | None, product: UUID, unit_price: Decimal) -> UUID:
    """Return the public id of a usage line."""
    return uuid5(invoice, f"usage/{project}/{product}/{unit_price}")


def correction_uid(
    invoice: UUID, period: str, project: UUID | None, product: UUID, unit_price: Decimal
) -> UUID:
    """Return the public id of a line that corrects a line of an earlier month."""
    return uuid5(invoice, f"correction/{period}/{project}/{product}/{unit_price}")


class InvoiceItem(OrganizationOwned, Model):
    """The lines of final invoices. A line keeps the names of its day.

    A correction names the month that it corrects; its quantity and amount may be negative.
    """

    __tablename__ = "invoice_item"
    __table_args__ = owned_table(
        "invoice_item",
        refers_to("invoice", "invoice_id"),
        refers_to("project", "project_id"),
        Index("ix_invoice_item_invoice", "organization_id", "invoice_id"),
    )
    invoice_id: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(default=ItemKind.USAGE)
    corrects_period: Mapped[str | None] = mapped_column(String(7))
    project_id: Mapped[int | None] = mapped_column(Integer)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    project_uid: Mapped[UUID | None]
    product_uid: Mapped[UUID]
    project_name: Mapped[str | None]
    product_name: Mapped[str]
    unit: Mapped[str]
    unit_price: Mapped[Decimal] = mapped_column(Price)
    quantity_nano: Mapped[int] = mapped_column(WideInteger)
    total_cents: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class InvoiceHead:
    """What the lines of an invoice have in common."""

    organization_uid: UUID
    uid: UUID
    month: Month
    currency: str


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A project's usage of a product at one price, or late usage of such a line.

    `corrects_period` is the invoiced month that a correction corrects. All fields but the invoice are
    columns of `invoice_item`, by the same names.
    """

    invoice: InvoiceHead
    uid: UUID
    kind: str
    corrects_period: str | None
    project_id: int | None
    product_id: int
    project_uid: UUID | None
    product_uid: UUID
    project_name: str | None
    product_name: str
    unit: str
    unit_price: Decimal
    quantity_nano: int
    total_cents: int

    @classmethod
    def composed(
        cls,
        invoice: InvoiceHead,
        project: ProjectName | None,
        product: ProductName,
        *,
        corrects: Month | None,
        unit_price: Decimal,
        quantity_nano: int,
        total_cents: int,
    ) -> InvoiceLine:
        """Compose the line of what was used, or came late for a month that is invoiced already."""
        project_uid = project and project.uid
        parts = project_uid, product.uid, unit_price
        period = None if corrects is None else str(corrects)
        return cls(
            invoice=invoice,
            uid=correction_uid(invoice.uid, period, *parts) if period else item_uid(invoice.uid, *parts),
            kind=ItemKind.CORRECTION if period else ItemKind.USAGE,
            corrects_period=period,
            project_id=project and project.id,
            product_id=product.id,
            project_uid=project_uid,
            product_uid=product.uid,
            project_name=project and project.name,
            product_name=product.name,
            unit=product.unit,
            unit_price=unit_price,
            quantity_nano=quantity_nano,
            total_cents=total_cents,
        )

    @classmethod
    def from_row(cls, invoice: InvoiceHead, row: object) -> InvoiceLine:
        """Return the line of a row of `invoice_item`, or of any row with its columns."""
        return cls(invoice, *_values(row))

    @property
    def row(self) -> dict[str, object]:
        """The line as columns of `invoice_item`: all but its keys."""
        return dict(zip(LINE_COLUMNS, _values(self), strict=True))

    @property
    def total(self) -> Money:
        return Money(self.total_cents, self.invoice.currency)

    @property
    def corrects(self) -> Month | None:
        """The invoiced month that a correction corrects."""
        return None if self.corrects_period is None else Month.parse(self.corrects_period)

    @property
    def corrected_uid(self) -> UUID | None:
        """The public id of the line that a correction corrects."""
        if self.corrects_period is None:
            return None
        corrected = invoice_uid(self.invoice.organization_uid, self.corrects_period)
        return item_uid(corrected, self.project_uid, self.product_uid, self.unit_price)

    @property
    def usage_query(self) -> dict[str, str]:
        """The address of its hours, as a query of the usage page."""
        return {
            "month": self.corrects_period or str(self.invoice.month),
            "granularity": "hour",
            "project_id": str(self.project_uid or "none"),
            "product_id": str(self.product_uid),
            "unit_price": f"{self.unit_price:f}",
            "billed_by": str(self.invoice.uid),
        }


LINE_COLUMNS = tuple(field.name for field in fields(InvoiceLine))[1:]
_values = attrgetter(*LINE_COLUMNS)
