"""The JSON contract of internal invoices. Add keys freely; never rename or retype one."""

from __future__ import annotations

from flask import url_for

from portal.domain.period import Month
from portal.domain.rating import quantity_of
from portal.invoices.queries import InvoiceList, InvoicePage
from portal.models import InvoiceLine
from portal.services import settings
from portal.web.json import JSON, decimal, instant, money, unit_price


def invoice_list(page: InvoiceList) -> list[JSON]:
    """The list leaves the items out."""
    return [_head(each) for each in page.invoices]


def invoice(page: InvoicePage) -> JSON:
    return _head(page) | {"items": [_item(page, each) for each in page.lines]}


def _head(page: InvoicePage) -> JSON:
    return {
        "id": str(page.uid),
        "organization_id": str(page.organization.uid),
        "number": page.number,
        "status": page.status,
        "period": str(page.month),
        "period_start": _midnight(page.month),
        "period_end": _midnight(page.month.shifted(1)),
        "total": money(page.total),
        "due": page.due and money(page.due),
        "credit": page.credit and money(page.credit),
        **_completeness(page),
    }


def _midnight(month: Month) -> str:
    """Return the instant at which a month begins."""
    return f"{month}-01T00:00:00Z"


def _completeness(page: InvoicePage) -> JSON:
    """What of an open month is in; of a final one nothing is missing that could still change it."""
    if page.completeness is None:
        return {"metered_through": None, "missing_hours": 0}
    through = page.completeness.metered_through
    return {
        "metered_through": through and instant(through),
        "missing_hours": page.completeness.missing_hours,
    }


def _item(page: InvoicePage, each: InvoiceLine) -> JSON:
    project = {"id": str(each.project_uid), "name": each.project_name} if each.project_uid else None
    return {
        "id": str(each.uid),
        "product": {"id": str(each.product_uid), "name": each.product_name},
        "project": project,
        **unit_price(each.unit_price, each.total.currency),
        "unit": each.unit,
        "quantity": decimal(quantity_of(each.quantity_nano)),
        "total": money(each.total),
        "kind": each.kind,
        "corrects": _corrected(each),
        "usage_url": settings().portal_url + _usage_path(page, each),
    }


def _corrected(each: InvoiceLine) -> JSON | None:
    if each.corrects_period is None:
        return None
    return {"period": each.corrects_period, "item_id": str(each.corrected_uid)}


def _usage_path(page: InvoicePage, each: InvoiceLine) -> str:
    """Return where the hours behind a line are."""
    return url_for("usage.index", organization_id=page.organization.uid, _external=False, **each.usage_query)
