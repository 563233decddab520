"""Reads of usage. Each takes the organization first; none writes."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select

from portal.domain.errors import NotFoundError, ValidationError
from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window, hour_of
from portal.domain.rating import price_of
from portal.domain.windows import RequestedWindow
from portal.ledger.completeness import completeness
from portal.ledger.names import Projects, project_names
from portal.ledger.prices import prices_for
from portal.ledger.rating import DataPoint, RatedUsage, rated_usage
from portal.ledger.usage_sums import PENDING, USAGE, Step
from portal.models import (
    Invoice,
    Organization,
    Product,
    ProductName,
    Project,
    ProjectName,
    Subscription,
    invoice_uid,
)
from portal.storage import db
from portal.usage.comparison import Comparison, comparison
from portal.usage.page import DAYS_MAX, DAYS_MAX_HOURLY, By, LineFilter, ProductUsage, ProjectUsage, Usage

Key = tuple[int | None, int, int]  # (project id, product id, price in pico-units)


def usage_of(
    organization: Organization,
    requested: RequestedWindow,
    *,
    step: Step | None,
    has_series: bool,
    by: By,
    only: LineFilter,
    now: dt.datetime,
) -> Usage:
    """Return a priced window; 422 where it is too long for so fine a step."""
    window = requested.window
    step = step or _step_for(window)
    days_max = DAYS_MAX_HOURLY if step is Step.HOUR else DAYS_MAX
    if window.hours > days_max * HOURS_A_DAY:
        raise ValidationError({"to": [f"is more than {days_max} days after from"]})
    _refuse_unknown(organization, only)
    prices = prices_for([organization.id], {organization.currency})
    all_projects = project_names([organization.id])
    rated = _billed(organization, rated_usage(organization, window, step, prices), only.billed_by)
    projects = _grouped(organization, rated, only, prices.products, all_projects)
    complete = completeness(organization.id, window, now=now)
    return Usage(
        organization=organization,
        requested=requested,
        step=step,
        has_series=has_series,
        by=by,
        only=only,
        now=now,
        projects=projects,
        total=Money(sum(project.total.cents for project in projects), organization.currency),
        metered_through=complete.metered_through,
        missing_hours=complete.missing_hours,
        prices=prices,
        all_projects=all_projects,
    )


def for_page(usage: Usage) -> Usage:
    """Return a window with what only its page shows: the month before, and the months to choose from."""
    if not usage.is_whole:
        return usage
    months = _months_of(usage.organization, usage.now)
    return replace(usage, before=_month_before(usage), months=months)


def _month_before(usage: Usage) -> Comparison | None:
    """Return what the same part of the month before cost; None where the window is no month."""
    month = usage.requested.month
    if month is None:
        return None
    hours = None
    if usage.is_running:
        hours = hour_of(usage.metered_through) + 1 - month.start_hour if usage.metered_through else 0
    return comparison(usage.organization, month, usage.prices, usage.all_projects, hours=hours)


def _months_of(organization: Organization, now: dt.datetime) -> Sequence[Month]:
    """Return the months from the first subscription's to the current one, the latest first."""
    query = select(func.min(Subscription.start_hour))
    first_hour = db.session.scalar(query.where(Subscription.organization_id == organization.id))
    current = Month.of(now)
    first = current if first_hour is None else Month.of_day(first_hour // HOURS_A_DAY)
    months = list(max(first, current.shifted(-36)).through(current))
    return months[::-1] or [current]


def _step_for(window: Window) -> Step:
    """Return how finely a page tells a window: a chart has room for some sixty columns."""
    if window.hours <= HOURS_A_DAY:
        return Step.HOUR
    return Step.DAY if window.hours <= DAYS_MAX_HOURLY * HOURS_A_DAY else Step.MONTH


def _grouped(
    organization: Organization,
    rated_usages: Iterable[RatedUsage],
    only: LineFilter,
    products: Mapping[int, ProductName],
    projects: Projects,
) -> Sequence[ProjectUsage]:
    by_key: dict[Key, list[RatedUsage]] = defaultdict(list)
    for rated in rated_usages:
        line = rated.line
        by_key[line.project_id, line.product_id, line.price_pico].append(rated)
    grouped: dict[ProjectName | None, list[ProductUsage]] = defaultdict(list)
    for (project_id, product_id, price_pico), parts in by_key.items():
        project = None if project_id is None else projects[organization.id, project_id]
        product, unit_price = products[product_id], price_of(price_pico)
        if _is_meant(only, project, product, unit_price):
            usage = _product_usage(product, unit_price, price_pico, parts, organization.currency)
            grouped[project].append(usage)
    ordered = sorted(grouped, key=lambda project: (project is None, project.name if project else ""))
    return [_project_usage(project, grouped[project], organization.currency) for project in ordered]


def _product_usage(
    product: ProductName, unit_price: Decimal, price_pico: int, parts: Sequence[RatedUsage], currency: str
) -> ProductUsage:
    points = parts[0].points if len(parts) == 1 else _merged(point for part in parts for point in part.points)
    return ProductUsage(
        product=product,
        unit_price=unit_price,
        price_pico=price_pico,
        quantity_nano=sum(point.quantity_nano for point in points),
        total=Money(sum(point.cents for point in points), currency),
        points=points,
    )


def _merged(points: Iterable[DataPoint]) -> Sequence[DataPoint]:
    """Add up the points of an hour: its usage, and its late usage."""
    by_hour: dict[int, DataPoint] = {}
    for point in points:
        other = by_hour.get(point.hour)
        by_hour[point.hour] = point if other is None else other.with_more(point)
    return [by_hour[hour] for hour in sorted(by_hour)]


def _project_usage(project: ProjectName | None, products: list[ProductUsage], currency: str) -> ProjectUsage:
    products.sort(key=lambda usage: (usage.product.name, usage.price_pico))
    return ProjectUsage(project, products, Money(sum(usage.total.cents for usage in products), currency))


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
    named = []
    if only.project is not None:
        named.append(
            select(Project.id).where(Project.organization_id == organization.id, Project.uid == only.project)
        )
    if only.product is not None:
        named.append(
            select(Subscription.id)
            .join(Product, Product.id == Subscription.product_id)
            .where(Subscription.organization_id == organization.id, Product.uid == only.product)
        )
    if any(db.session.scalar(query.limit(1)) is None for query in named):
        raise NotFoundError


def _billed(
    organization: Organization, rated_usages: Sequence[RatedUsage], invoice: UUID | None
) -> Sequence[RatedUsage]:
    """Return the usage that an invoice bills: its own month's, and late usage of earlier months."""
    if invoice is None:
        return rated_usages
    query = select(Invoice.id, Invoice.period).where(
        Invoice.organization_id == organization.id, Invoice.uid == invoice
    )
    final = db.session.execute(query).one_or_none()
    batch = PENDING if final is None else final.id

    def is_billed(usage: RatedUsage) -> bool:
        own = invoice_uid(organization.uid, str(usage.line.month)) == invoice
        return usage.batch == (USAGE if own else batch)

    return [usage for usage in rated_usages if is_billed(usage)]
