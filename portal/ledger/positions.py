"""The positions of a legal document: an invoice's lines, summed over projects.

There is one position per product, and one more for each earlier month in which it is corrected: another
service period, which may have another rate of VAT.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.domain.money import Money
from portal.domain.period import Month
from portal.models import InvoiceItem


@dataclass(frozen=True, slots=True)
class Position:
    """A product on a legal document, and the lines it comes from. `corrects` is an earlier month."""

    product_uid: UUID
    corrects: Month | None
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
    """Return the positions, by name and month; what costs nothing is left out."""
    grouped: dict[tuple[UUID, str | None], list[InvoiceItem]] = {}
    for item in items:
        grouped.setdefault((item.product_uid, item.corrects_period), []).append(item)
    positions = [
        Position(
            uid,
            None if period is None else Month.parse(period),
            lines[0].product_name,
            lines[0].unit,
            Money(sum(line.total_cents for line in lines), currency),
            lines,
        )
        for (uid, period), lines in grouped.items()
    ]
    priced = [each for each in positions if each.net.cents]
    return sorted(priced, key=lambda each: (each.name, str(each.corrects or ""), str(each.product_uid)))
