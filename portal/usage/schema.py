"""The JSON contract of usage. Add keys freely; never rename or retype one."""

from __future__ import annotations

from portal.domain.period import start_of_hour
from portal.domain.rating import quantity_of
from portal.ledger.rating import DataPoint
from portal.usage.page import ProductUsage, ProjectUsage, Usage
from portal.web.json import JSON, decimal, instant, money, unit_price


def usage(page: Usage) -> JSON:
    return {
        "organization_id": str(page.organization.uid),
        "from": instant(page.asked.from_at),
        "to": instant(page.asked.to_at),
        "total": money(page.total),
        "metered_through": page.metered_through and instant(page.metered_through),
        "missing_hours": page.missing_hours,
        "projects": [_project(each, has_series=page.has_series) for each in page.projects],
    }


def _project(each: ProjectUsage, *, has_series: bool) -> JSON:
    return {
        "project_id": str(each.project.uid) if each.project else None,
        "project_name": each.project.name if each.project else None,
        "total": money(each.total),
        "products": [_product(product, has_series=has_series) for product in each.products],
    }


def _product(each: ProductUsage, *, has_series: bool) -> JSON:
    found = {
        "product_id": str(each.product.uid),
        "product_name": each.product.name,
        "unit": each.product.unit,
        **unit_price(each.unit_price, each.total.currency),
        "quantity": decimal(quantity_of(each.quantity_nano)),
        "total": money(each.total),
    }
    if has_series:
        found["series"] = [_point(point, each.total.currency) for point in each.points]
    return found


def _point(point: DataPoint, currency: str) -> JSON:
    return {
        "start": instant(start_of_hour(point.hour)),
        "quantity": decimal(quantity_of(point.quantity_nano)),
        "total": {"cents": point.cents, "currency_iso": currency},
    }
