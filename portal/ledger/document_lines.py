"""The lines of a legal document: an invoice's lines, summed over projects.

There is a line per product, and one more for each earlier month in which it is corrected: another service
period, which may have another rate of VAT.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.domain.money import Money
from portal.domain.period import Month
from portal.models import InvoiceLine


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A product on a legal document, and the lines it comes from. `corrects` is an earlier month."""

    product_uid: UUID
    corrects: Month | None
    name: str
    unit: str
    net: Money
    lines: Sequence[InvoiceLine]

    @property
    def quantities_nano(self) -> dict[Decimal, int]:
        """The quantity at each unit price, cheapest first."""
        prices = sorted({line.unit_price for line in self.lines})
        return {
            price: sum(line.quantity_nano for line in self.lines if line.unit_price == price)
            for price in prices
        }

    @property
    def difference(self) -> Money:
        """How much it differs from its lines."""
        return self.net - Money(sum(line.total_cents for line in self.lines), self.net.currency)


def document_lines(lines: Iterable[InvoiceLine], currency: str) -> list[DocumentLine]:
    """Return the lines by name and month; a line of no cost is left out."""
    grouped: dict[tuple[UUID, Month | None], list[InvoiceLine]] = {}
    for line in lines:
        grouped.setdefault((line.product_uid, line.corrects), []).append(line)
    composed = [
        DocumentLine(
            product_uid,
            corrects,
            parts[0].product_name,
            parts[0].unit,
            Money(sum(line.total_cents for line in parts), currency),
            parts,
        )
        for (product_uid, corrects), parts in grouped.items()
    ]
    priced = [line for line in composed if line.net.cents]
    return sorted(priced, key=lambda line: (line.name, str(line.corrects or ""), str(line.product_uid)))
