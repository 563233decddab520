"""Reads of usage. Each takes the organization first; none writes."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from sqlalchemy import func, select

from portal.domain.errors import NotFoundError, ValidationError
from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window, hour_of, start_of_hour
from portal.domain.rating import Meter
from portal.extensions import db
from portal.ledger.coverage import metered_through, missing_hours
from portal.ledger.lines import Point, Step, Stretch, stretches
from portal.ledger.names import ProductName, ProjectName, product_names, project_names
from portal.models import Organization, Product, Project, Subscription
from portal.usage.chart import OWN, By, StackedBars, stacked_bars
from portal.web.args import Asked

DAYS_MAX = 400
DAYS_MAX_HOURLY = 62
Key = tuple[int | None, int, int]  # (project id, product id, price in pico-units)


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines are meant: all, or those of a project, a product, a price."""

    project: UUID | None = None
    is_without_project: bool = False
    product: UUID | None = None
    unit_price: Decimal | None = None

    @property
    def is_on(self) -> bool:
        return self != LineFilter()

    @property
    def query(self) -> dict[str, str]:
        """Return the filter as an address has it."""
        project = "none" if self.is_without_project else self.project
        given = {"project_id": project, "product_id": self.product, "unit_price": self.unit_price}
        return {name: str(value) for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ProductUsage:
    """What a project used of a product at one price. `points` add up to it."""

    product: ProductName
    unit_price: Decimal
    price_pico: int
    quantity_nano: int
    total: Money
    points: Sequence[Point]

    def exact(self, quantity_nano: int) -> Decimal:
        """Return what a quantity costs before rounding, in major units."""
        return Meter(self.price_pico, self.total.currency).exact(quantity_nano)

    def cost_of(self, point: Point) -> Money:
        return Money(point.cents, self.total.currency)


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """What a project used; without a project it is the organization's own."""

    project: ProjectName | None
    products: Sequence[ProductUsage]
    total: Money


@dataclass(frozen=True)
class Usage:
    """A window of an organization's usage, priced. Every sum adds up to `total`, to the cent."""

    organization: Organization
    asked: Asked
    step: Step
    has_series: bool
    by: By
    only: LineFilter
    now: dt.datetime
    projects: Sequence[ProjectUsage]
    total: Money
    metered_through: dt.datetime | None
    missing_hours: int

    @cached_property
    def chart(self) -> StackedBars:
        """The bars of the page."""
        return stacked_bars(self.projects, self.asked.window, self.step, self.by, self.total.currency)

    @cached_property
    def before(self) -> Comparison | None:
        """The same stretch of the month before, or None where the window is no month."""
        return comparison(self)

    @cached_property
    def idle_projects(self) -> Sequence[ProjectName]:
        """The projects that used nothing in this window, by name."""
        used = {each.project.uid for each in self.projects if each.project}
        known = project_names([self.organization.id]).values()
        return sorted((each for each in known if each.uid not in used), key=lambda each: each.name)

    @cached_property
    def months(self) -> Sequence[Month]:
        """Each month that can be looked at, the latest first."""
        return months_of(self.organization, self.now)

    @property
    def title(self) -> str:
        """The heading: what is looked at, and when."""
        named = self._named()
        if named:
            return ", ".join(named)
        if self.asked.day is not None:
            return f"{self.asked.day:%A} {self.asked.day.day} {self.asked.day:%B %Y}"
        return "Usage"

    def _named(self) -> Sequence[str]:
        """Return the names of the product and the project that are looked at, where it is one."""
        if not self.projects:
            return ()
        first, named = self.projects[0], []
        if self.only.product is not None:
            named.append(first.products[0].product.name)
        if self.only.project is not None or self.only.is_without_project:
            named.append(first.project.name if first.project else OWN)
        return named

    @property
    def day_before(self) -> dt.date | None:
        return self.asked.day and self.asked.day - dt.timedelta(days=1)

    @property
    def day_after(self) -> dt.date | None:
        return self.asked.day and self.asked.day + dt.timedelta(days=1)

    @property
    def can_be_hourly(self) -> bool:
        """Whether the window is short enough to show its hours."""
        return self.asked.window.hours <= DAYS_MAX_HOURLY * HOURS_A_DAY

    @property
    def is_running(self) -> bool:
        """Whether more usage may still come into this window."""
        return self.asked.window.end_hour > hour_of(self.now)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the same stretch of the month before cost."""

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


def usage_of(
    organization: Organization,
    asked: Asked,
    *,
    step: Step | None,
    has_series: bool,
    by: By,
    only: LineFilter,
    now: dt.datetime,
) -> Usage:
    """Return a priced window; 422 for one that is too long to be told so finely."""
    window = asked.window
    step = step or _step_for(window)
    days_max = DAYS_MAX_HOURLY if step is Step.HOUR else DAYS_MAX
    if window.hours > days_max * HOURS_A_DAY:
        raise ValidationError({"to": [f"is more than {days_max} days after from"]})
    _refuse_unknown(organization, only)
    projects = _grouped(organization, stretches(organization, window, step), only)
    through = metered_through(organization.id, window)
    return Usage(
        organization=organization,
        asked=asked,
        step=step,
        has_series=has_series,
        by=by,
        only=only,
        now=now,
        projects=projects,
        total=Money(sum(each.total.cents for each in projects), organization.currency),
        metered_through=None if through is None else start_of_hour(through),
        missing_hours=missing_hours(organization.id, window, now_hour=hour_of(now)),
    )


def _step_for(window: Window) -> Step:
    """Return how finely a page tells a window: a chart has room for some sixty columns."""
    if window.hours <= HOURS_A_DAY:
        return Step.HOUR
    return Step.DAY if window.hours <= DAYS_MAX_HOURLY * HOURS_A_DAY else Step.MONTH


def _grouped(
    organization: Organization, found: Iterable[Stretch], only: LineFilter
) -> Sequence[ProjectUsage]:
    by_key: dict[Key, list[Stretch]] = defaultdict(list)
    for stretch in found:
        line = stretch.line
        by_key[line.project_id, line.product_id, line.price_pico].append(stretch)
    projects = project_names([organization.id])
    products = product_names({product_id for _, product_id, _ in by_key})
    grouped: dict[ProjectName | None, list[ProductUsage]] = defaultdict(list)
    for (project_id, product_id, price_pico), some in by_key.items():
        project = None if project_id is None else projects[organization.id, project_id]
        product = products[product_id]
        if _is_meant(only, project, product, some[0].line.unit_price):
            grouped[project].append(_product_usage(product, price_pico, some))
    ordered = sorted(grouped, key=lambda project: (project is None, project.name if project else ""))
    return [_project_usage(project, grouped[project], organization.currency) for project in ordered]


def _product_usage(product: ProductName, price_pico: int, some: Sequence[Stretch]) -> ProductUsage:
    line = some[0].line
    return ProductUsage(
        product=product,
        unit_price=line.unit_price,
        price_pico=price_pico,
        quantity_nano=sum(each.quantity_nano for each in some),
        total=Money(sum(each.cost.cents for each in some), line.currency),
        points=[point for each in some for point in each.points],
    )


def _project_usage(project: ProjectName | None, products: list[ProductUsage], currency: str) -> ProjectUsage:
    products.sort(key=lambda each: (each.product.name, each.price_pico))
    return ProjectUsage(project, products, Money(sum(each.total.cents for each in products), currency))


def _is_meant(
    only: LineFilter, project: ProjectName | None, product: ProductName, unit_price: Decimal
) -> bool:
    return (
        (only.project is None or (project is not None and project.uid == only.project))
        and (not only.is_without_project or project is None)
        and (only.product is None or product.uid == only.product)
        and (only.unit_price is None or unit_price == only.unit_price)
    )


def _refuse_unknown(organization: Organization, only: LineFilter) -> None:
    """A filter that names nothing of this organization's is a 404; no usage of it is an empty page."""
    project = select(Project.id).where(
        Project.organization_id == organization.id, Project.uid == only.project
    )
    product = (
        select(Subscription.id)
        .join(Product, Product.id == Subscription.product_id)
        .where(Subscription.organization_id == organization.id, Product.uid == only.product)
    )
    for wanted, known in ((only.project, project), (only.product, product)):
        if wanted is not None and db.session.scalar(known.limit(1)) is None:
            raise NotFoundError


def comparison(usage: Usage) -> Comparison | None:
    """Price the same stretch of the month before, line by line."""
    month = usage.asked.month
    if month is None or usage.asked.day is not None or usage.only.is_on:
        return None
    before = month.shifted(-1)
    metered_until = hour_of(usage.metered_through) + 1 if usage.metered_through else month.start_hour
    passed = metered_until - month.start_hour if usage.is_running else month.end_hour - month.start_hour
    end = min(before.start_hour + passed, before.end_hour) if usage.is_running else before.end_hour
    organization = usage.organization
    found = stretches(organization, Window(before.start_hour, end))
    projects = project_names([organization.id])
    products = product_names({each.line.product_id for each in found})
    by_line: Counter[tuple[UUID | None, UUID]] = Counter()
    for each in found:
        project_id = each.line.project_id
        project = None if project_id is None else projects[organization.id, project_id].uid
        by_line[project, products[each.line.product_id].uid] += each.cost.cents
    return Comparison(before, Money(sum(by_line.values()), organization.currency), by_line)


def months_of(organization: Organization, now: dt.datetime) -> Sequence[Month]:
    """Return the months from the first subscription's to the current one, the latest first."""
    query = select(func.min(Subscription.start_hour)).where(Subscription.organization_id == organization.id)
    first_hour = db.session.scalar(query)
    current = Month.of(now)
    first = current if first_hour is None else Month.of_day(first_hour // HOURS_A_DAY)
    months = []
    month = max(first, current.shifted(-36))
    while month <= current:
        months.append(month)
        month = month.shifted(1)
    return months[::-1] or [current]
