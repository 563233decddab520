"""A window of usage as page and JSON show it: projects, products, and the sums of each."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, hour_of
from portal.domain.rating import RatedLine
from portal.domain.windows import RequestedWindow
from portal.ledger.names import Projects
from portal.ledger.prices import PriceBook
from portal.ledger.rating import DataPoint
from portal.ledger.usage_sums import Step
from portal.models import Organization, ProductName, ProjectName
from portal.usage.chart import NamedPoints, StackedBars, stacked_bars
from portal.usage.comparison import Comparison

DAYS_MAX = 400
DAYS_MAX_HOURLY = 62
OWN = "Organization"  # what a project is called that is none


class By(StrEnum):
    """The dimension that a bar is stacked by."""

    PRODUCT = "product"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines are meant: all, or those of a project, a product, a price."""

    project: UUID | None = None
    is_without_project: bool = False
    product: UUID | None = None
    unit_price: Decimal | None = None
    billed_by: UUID | None = None  # only what this invoice bills of them

    @property
    def is_on(self) -> bool:
        return self != LineFilter()

    @property
    def query(self) -> dict[str, str]:
        """Return the filter as an address has it."""
        project = "none" if self.is_without_project else self.project
        price = None if self.unit_price is None else f"{self.unit_price:f}"
        given = {
            "project_id": project,
            "product_id": self.product,
            "unit_price": price,
            "billed_by": self.billed_by,
        }
        return {name: str(value) for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ProductUsage:
    """A project's usage of a product at one price. `points` add up to it."""

    product: ProductName
    unit_price: Decimal
    price_pico: int
    quantity_nano: int
    total: Money
    points: Sequence[DataPoint]

    def exact(self, quantity_nano: int) -> Decimal:
        """Return what a quantity costs before rounding, in major units."""
        return RatedLine(self.price_pico, self.total.currency).exact(quantity_nano)

    def cost_of(self, point: DataPoint) -> Money:
        return Money(point.cents, self.total.currency)


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """A project's usage; without a project it is the organization's own."""

    project: ProjectName | None
    products: Sequence[ProductUsage]
    total: Money


def named_points(projects: Iterable[ProjectUsage], by: By) -> Sequence[NamedPoints]:
    """Return the points of each product of each project, by the name that they are stacked by."""
    return [
        (product.product.name if by is By.PRODUCT else _name_of(usage.project), product.points)
        for usage in projects
        for product in usage.products
    ]


def _name_of(project: ProjectName | None) -> str:
    return project.name if project else OWN


@dataclass(frozen=True)
class Usage:
    """A window of an organization's usage, priced. Every sum adds up to `total`, to the cent.

    `before` is the same part of the month before, where there is one to compare with; `months` are those to
    choose from, the latest first, where the page offers a choice. A JSON answer has neither.
    """

    organization: Organization
    requested: RequestedWindow
    step: Step
    has_series: bool
    by: By
    only: LineFilter
    now: dt.datetime
    projects: Sequence[ProjectUsage]
    total: Money
    metered_through: dt.datetime | None
    missing_hours: int
    prices: PriceBook
    all_projects: Projects
    before: Comparison | None = None
    months: Sequence[Month] = ()

    @cached_property
    def chart(self) -> StackedBars:
        """The bars of the page."""
        points = named_points(self.projects, self.by)
        return stacked_bars(points, self.requested.window, self.step, self.total.currency)

    @cached_property
    def idle_projects(self) -> Sequence[ProjectName]:
        """The projects that used nothing in this window, by name."""
        used = {usage.project.uid for usage in self.projects if usage.project}
        idle = (project for project in self.all_projects.values() if project.uid not in used)
        return sorted(idle, key=lambda project: project.name)

    @property
    def is_whole(self) -> bool:
        """Whether this is all of a window that is no single day: then a month can be chosen."""
        return self.requested.day is None and not self.only.is_on

    @property
    def title(self) -> str:
        """The heading: product and project, or the day."""
        named = self._named()
        if named:
            return ", ".join(named)
        if self.requested.day is not None:
            return f"{self.requested.day:%A} {self.requested.day.day} {self.requested.day:%B %Y}"
        return "Usage"

    def _named(self) -> Sequence[str]:
        """Return the names of the product and the project that are looked at, where it is one."""
        if not self.projects:
            return ()
        first, named = self.projects[0], []
        if self.only.product is not None:
            named.append(first.products[0].product.name)
        if self.only.project is not None or self.only.is_without_project:
            named.append(_name_of(first.project))
        return named

    @property
    def metered_until(self) -> dt.datetime | None:
        """The end of the latest hour with an entry."""
        return self.metered_through and self.metered_through + dt.timedelta(hours=1)

    @property
    def day_before(self) -> dt.date | None:
        return self.requested.day and self.requested.day - dt.timedelta(days=1)

    @property
    def day_after(self) -> dt.date | None:
        return self.requested.day and self.requested.day + dt.timedelta(days=1)

    @property
    def can_be_hourly(self) -> bool:
        """Whether the window is short enough to show its hours."""
        return self.requested.window.hours <= DAYS_MAX_HOURLY * HOURS_A_DAY

    @property
    def is_running(self) -> bool:
        """Whether more usage may still come into this window."""
        return self.requested.window.end_hour > hour_of(self.now)
