"""The cost of the same part of the month before, line by line."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from portal.domain.money import Money
from portal.domain.period import Month, Window
from portal.ledger.names import Projects
from portal.ledger.prices import PriceBook
from portal.ledger.rating import rated_usage
from portal.models import Organization, ProductName, ProjectName


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cost of the same part of the month before."""

    month: Month
    total: Money
    by_line: Mapping[tuple[UUID | None, UUID], int]

    def change(self, cents: int, project: ProjectName | None, product: ProductName | None) -> Decimal | None:
        """Return by how much a cost changed, as a ratio; None where there is nothing to compare with."""
        uid = project.uid if project else None
        before = sum(
            cost
            for (project_uid, product_uid), cost in self.by_line.items()
            if project_uid == uid and (product is None or product_uid == product.uid)
        )
        return _ratio(cents, before)

    def total_change(self, cents: int) -> Decimal | None:
        return _ratio(cents, self.total.cents)


def _ratio(cents: int, before: int) -> Decimal | None:
    return Decimal(cents - before) / Decimal(before) if before else None


def comparison(
    organization: Organization, month: Month, prices: PriceBook, projects: Projects, *, hours: int | None
) -> Comparison:
    """Price the first hours of the month before, or all of it."""
    before = month.shifted(-1)
    end = before.end_hour if hours is None else min(before.start_hour + hours, before.end_hour)
    by_line: Counter[tuple[UUID | None, UUID]] = Counter()
    for rated in rated_usage(organization, Window(before.start_hour, end), prices=prices):
        project_id = rated.line.project_id
        project = None if project_id is None else projects[organization.id, project_id].uid
        by_line[project, prices.products[rated.line.product_id].uid] += rated.cost.cents
    return Comparison(before, Money(sum(by_line.values()), organization.currency), by_line)
