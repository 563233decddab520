"""The positions of a legal document beside the lines they come from, and from each line down to its hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from portal.domain.money import Money
from portal.domain.period import Month
from portal.ledger.positions import Position, positions_of
from portal.models import Invoice, InvoiceItem
from portal.storage.database import db


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the statement; `hours` is what the usage page is asked for to show its hours."""

    uid: UUID
    project_name: str | None
    unit: str
    unit_price: Decimal
    quantity_nano: int
    total: Money
    hours: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PositionLines:
    """A position of the document, and the lines it comes from. `corrects` is an earlier month."""

    name: str
    corrects: Month | None
    net: Money
    lines: Sequence[Line]

    @property
    def difference(self) -> Money:
        """How much the position differs from its lines."""
        return self.net - Money(sum(line.total.cents for line in self.lines), self.net.currency)


@dataclass(frozen=True, slots=True)
class Beside:
    """All positions; `hidden_lines` cost nothing and are on no document."""

    positions: Sequence[PositionLines]
    lines_total: Money
    hidden_lines: int


def lines_beside(organization_id: int, invoice: Invoice | None, currency: str) -> Beside:
    """Return the positions of an invoice's document; a document that is not made from one has none."""
    items = [] if invoice is None else _items(organization_id, invoice.id)
    positions = [_position(each, invoice) for each in positions_of(items, currency) if invoice]
    return Beside(
        positions,
        Money(sum(item.total_cents for item in items), currency),
        hidden_lines=len(items) - sum(len(each.lines) for each in positions),
    )


def _items(organization_id: int, invoice_id: int) -> Sequence[InvoiceItem]:
    query = (
        select(InvoiceItem)
        .where(InvoiceItem.organization_id == organization_id, InvoiceItem.invoice_id == invoice_id)
        .order_by(InvoiceItem.project_name, InvoiceItem.id)
    )
    return db.session.scalars(query).all()


def _position(position: Position, invoice: Invoice) -> PositionLines:
    lines = [_line(item, invoice) for item in position.items]
    return PositionLines(position.name, position.corrects, position.net, lines)


def _line(item: InvoiceItem, invoice: Invoice) -> Line:
    return Line(
        uid=item.uid,
        project_name=item.project_name,
        unit=item.unit,
        unit_price=item.unit_price,
        quantity_nano=item.quantity_nano,
        total=Money(item.total_cents, invoice.currency),
        hours={
            "month": item.corrects_period or invoice.period,
            "granularity": "hour",
            "project_id": str(item.project_uid or "none"),
            "product_id": str(item.product_uid),
            "unit_price": f"{item.unit_price:f}",
            "billed_by": str(invoice.uid),
        },
    )
