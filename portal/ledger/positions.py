"""The positions of a legal document: an invoice's lines, summed over projects, one position per product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.domain.money import Money
from portal.models import InvoiceItem


@dataclass(frozen=True, slots=True)
class Position:
    """A product on a legal document, and the lines it comes from."""

    product_uid: UUID
    name: str
    unit: str
    net: Money
    items: Sequence[InvoiceItem]

    @property
    def quantities_nano(self) -> dict[Decimal, int]:
        """What was used at each unit price, cheapest first."""
        prices = sorted({item.unit_price for item in self.items})
        return {
            price: sum(item.quantity_nano for item in self.items if item.unit_price == price)
            for price in prices
        }


def positions_of(items: Iterable[InvoiceItem], currency: str) -> list[Position]:
    """Return a position for each product, by name; products that cost nothing are left out."""
    by_product: dict[UUID, list[InvoiceItem]] = {}
    for item in items:
        by_product.setdefault(item.product_uid, []).append(item)
    positions = [
        Position(uid, lines[0].product_name, lines[0].unit, Money(_cents(lines), currency), lines)
        for uid, lines in by_product.items()
    ]
    priced = [each for each in positions if each.net.cents]
    return sorted(priced, key=lambda position: (position.name, str(position.product_uid)))


def _cents(items: Iterable[InvoiceItem]) -> int:
    return sum(item.total_cents for item in items)
