"""The JSON contract of usage. Add keys freely; never rename or retype one."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, field

from portal.domain.period import start_of_hour
from portal.ledger.rating import DataPoint
from portal.ledger.usage_sums import Step
from portal.usage import page as pages
from portal.web import shapes
from portal.web.shapes import Answer, doc

_InstantAsked = Annotated[str, doc(examples=["2026-01-01T00:00:00Z", "2026-01-01"])]
_Project = Annotated[str, doc(anyOf=[{"format": "uuid"}, {"const": "none"}])]
_Price = Annotated[str, doc(examples=["0.00694"])]


class UsageQuery(Struct, kw_only=True):
    """Which usage is meant, and how finely."""

    month: Annotated[shapes.MonthText, doc("The whole month; excludes day, from and to.")] | UnsetType = UNSET
    day: Annotated[shapes.Day, doc("The whole day in UTC; excludes month, from and to.")] | UnsetType = UNSET
    from_: Annotated[_InstantAsked, doc("The start, ISO 8601; UTC where it names no zone.")] | UnsetType = (
        field(default=UNSET, name="from")
    )
    to: Annotated[_InstantAsked, doc("The end, exclusive; now where it is left out.")] | UnsetType = UNSET
    granularity: Annotated[Step, doc("Adds a series to each product.")] | UnsetType = UNSET
    by: Annotated[pages.By, doc("Shapes the page; JSON is the same with either.")] | UnsetType = UNSET
    project_id: (
        Annotated[_Project, doc("Only this project's; `none` for what belongs to no project.")] | UnsetType
    ) = UNSET
    product_id: Annotated[UUID, doc("Only this product.")] | UnsetType = UNSET
    unit_price: Annotated[_Price, doc("Only what had this exact price, in major units.")] | UnsetType = UNSET
    billed_by: Annotated[UUID, doc("Only what this internal invoice bills.")] | UnsetType = UNSET


class UsagePoint(Answer, frozen=True):
    """A step of a series."""

    start: shapes.Instant
    quantity: shapes.PlainDecimal
    total: shapes.Money


class ProductUsage(Answer, frozen=True):
    """What a project used of a product at one price."""

    product_id: UUID
    product_name: str
    unit: Annotated[str, doc("What the quantity counts, such as hour or GB.")]
    unit_price: shapes.RoundedPrice
    unit_price_decimal: shapes.ExactPrice
    quantity: shapes.PlainDecimal
    total: shapes.Money
    series: Annotated[list[UsagePoint], doc("There with `granularity` alone.")] | UnsetType = UNSET


class ProjectUsage(Answer, frozen=True):
    """What a project used; without id and name it is the organization's own."""

    project_id: UUID | None
    project_name: str | None
    total: shapes.Money
    products: list[ProductUsage]


class Usage(Answer, frozen=True):
    """A window of usage, priced."""

    organization_id: UUID
    from_: shapes.Instant = field(name="from")
    to: shapes.Instant
    total: shapes.Money
    metered_through: Annotated[shapes.Instant | None, doc("The start of the latest hour with an entry.")]
    missing_hours: Annotated[shapes.Count, doc("How many hours the time-priced subscriptions still owe.")]
    projects: list[ProjectUsage]


def usage(page: pages.Usage) -> Usage:
    return Usage.of(
        page,
        organization_id=page.organization.uid,
        from_=page.requested.from_at,
        to=page.requested.to_at,
        projects=[_project(project, has_series=page.has_series) for project in page.projects],
    )


def _project(usage: pages.ProjectUsage, *, has_series: bool) -> ProjectUsage:
    return ProjectUsage.of(
        usage,
        project_id=usage.project and usage.project.uid,
        project_name=usage.project and usage.project.name,
        products=[_product(product, has_series=has_series) for product in usage.products],
    )


def _product(usage: pages.ProductUsage, *, has_series: bool) -> ProductUsage:
    currency = usage.total.currency
    return ProductUsage.of(
        usage,
        product_id=usage.product.uid,
        product_name=usage.product.name,
        unit=usage.product.unit,
        unit_price=shapes.rounded_price(usage.unit_price, currency),
        unit_price_decimal=usage.unit_price,
        quantity=shapes.quantity(usage.quantity_nano),
        series=[_point(point, currency) for point in usage.points] if has_series else UNSET,
    )


def _point(point: DataPoint, currency: str) -> UsagePoint:
    return UsagePoint(
        start=shapes.instant(start_of_hour(point.hour)),
        quantity=shapes.quantity(point.quantity_nano),
        total=shapes.Money(point.cents, currency),
    )
