"""Reads of usage. Each takes the organization first; none writes."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from sqlalchemy import bindparam, func, select

from portal.domain.errors import NotFoundError, ValidationError
from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window, hour_of
from portal.domain.rating import Meter, price_of
from portal.extensions import db
from portal.ledger.coverage import coverage
from portal.ledger.lines import Point, Stretch, stretches
from portal.ledger.names import ProductName, ProjectName, Projects, project_names
from portal.ledger.passages import PENDING, USAGE, Step
from portal.ledger.prices import PriceBook, prices_for
from portal.models import Invoice, Organization, Product, Project, Subscription, invoice_uid
from portal.usage.chart import OWN, By, StackedBars, stacked_bars
from portal.usage.columns import ColumnText, column_texts
from portal.usage.comparison import Comparison, comparison
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
    prices: PriceBook
    known_projects: Projects

    @cached_property
    def chart(self) -> StackedBars:
        """The bars of the page."""
        return stacked_bars(self.projects, self.asked.window, self.step, self.by, self.total.currency)

    @cached_property
    def columns(self) -> Sequence[ColumnText]:
        """The same bars in words; a month keeps no filter, for it has other lines."""
        kept = {} if self.chart.step is Step.MONTH else self.only.query
        query = {"by": self.by.value, **kept}
        return column_texts(self.chart, self.organization.uid, query, day=self.asked.day)

    @cached_property
    def before(self) -> Comparison | None:
        """The same stretch of the month before, or None where the window is no month."""
        month = self.asked.month
        if month is None or self.asked.day is not None or self.only.is_on:
            return None
        hours = None
        if self.is_running:
            hours = hour_of(self.metered_through) + 1 - month.start_hour if self.metered_through else 0
        return comparison(self.organization, month, self.prices, self.known_projects, hours=hours)

    @cached_property
    def idle_projects(self) -> Sequence[ProjectName]:
        """The projects that used nothing in this window, by name."""
        used = {each.project.uid for each in self.projects if each.project}
        known = self.known_projects.values()
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
    prices = prices_for([organization.id], {organization.currency})
    known_projects = project_names([organization.id])
    found = _billed(organization, stretches(organization, window, step, prices), only.billed_by)
    projects = _grouped(organization, found, only, prices.products, known_projects)
    known = coverage(organization.id, window, now=now)
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
        metered_through=known.metered_through,
        missing_hours=known.missing_hours,
        prices=prices,
        known_projects=known_projects,
    )


def _step_for(window: Window) -> Step:
    """Return how finely a page tells a window: a chart has room for some sixty columns."""
    if window.hours <= HOURS_A_DAY:
        return Step.HOUR
    return Step.DAY if window.hours <= DAYS_MAX_HOURLY * HOURS_A_DAY else Step.MONTH


def _grouped(
    organization: Organization,
    found: Iterable[Stretch],
    only: LineFilter,
    products: Mapping[int, ProductName],
    projects: Projects,
) -> Sequence[ProjectUsage]:
    by_key: dict[Key, list[Stretch]] = defaultdict(list)
    for stretch in found:
        line = stretch.line
        by_key[line.project_id, line.product_id, line.price_pico].append(stretch)
    grouped: dict[ProjectName | None, list[ProductUsage]] = defaultdict(list)
    for (project_id, product_id, price_pico), some in by_key.items():
        project = None if project_id is None else projects[organization.id, project_id]
        product, unit_price = products[product_id], price_of(price_pico)
        if _is_meant(only, project, product, unit_price):
            usage = _product_usage(product, unit_price, price_pico, some, organization.currency)
            grouped[project].append(usage)
    ordered = sorted(grouped, key=lambda project: (project is None, project.name if project else ""))
    return [_project_usage(project, grouped[project], organization.currency) for project in ordered]


def _product_usage(
    product: ProductName, unit_price: Decimal, price_pico: int, some: Sequence[Stretch], currency: str
) -> ProductUsage:
    points = some[0].points if len(some) == 1 else _merged(point for each in some for point in each.points)
    return ProductUsage(
        product=product,
        unit_price=unit_price,
        price_pico=price_pico,
        quantity_nano=sum(point.quantity_nano for point in points),
        total=Money(sum(point.cents for point in points), currency),
        points=points,
    )


def _merged(points: Iterable[Point]) -> Sequence[Point]:
    """Add up the points of an hour: its usage, and what came late for it."""
    by_hour: dict[int, Point] = {}
    for point in points:
        other = by_hour.get(point.hour)
        by_hour[point.hour] = point if other is None else other.with_more(point)
    return [by_hour[hour] for hour in sorted(by_hour)]


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
    known = []
    if only.project is not None:
        known.append(
            select(Project.id).where(Project.organization_id == organization.id, Project.uid == only.project)
        )
    if only.product is not None:
        known.append(
            select(Subscription.id)
            .join(Product, Product.id == Subscription.product_id)
            .where(Subscription.organization_id == organization.id, Product.uid == only.product)
        )
    if any(db.session.scalar(each.limit(1)) is None for each in known):
        raise NotFoundError


def _billed(organization: Organization, found: Sequence[Stretch], invoice: UUID | None) -> Sequence[Stretch]:
    """Return what an invoice bills: the usage of its own month, and what came late for earlier ones."""
    if invoice is None:
        return found
    query = select(Invoice.id, Invoice.period).where(
        Invoice.organization_id == organization.id, Invoice.uid == invoice
    )
    final = db.session.execute(query).one_or_none()
    batch = PENDING if final is None else final.id

    def is_billed(stretch: Stretch) -> bool:
        own = invoice_uid(organization.uid, str(stretch.line.month)) == invoice
        return stretch.batch == (USAGE if own else batch)

    return [each for each in found if is_billed(each)]


_started = Subscription.__table__.c
_FIRST_HOUR = select(func.min(_started.start_hour)).where(_started.organization_id == bindparam("owner"))


def months_of(organization: Organization, now: dt.datetime) -> Sequence[Month]:
    """Return the months from the first subscription's to the current one, the latest first."""
    first_hour = db.session.scalar(_FIRST_HOUR, {"owner": organization.id})
    current = Month.of(now)
    first = current if first_hour is None else Month.of_day(first_hour // HOURS_A_DAY)
    months = []
    month = max(first, current.shifted(-36))
    while month <= current:
        months.append(month)
        month = month.shifted(1)
    return months[::-1] or [current]
