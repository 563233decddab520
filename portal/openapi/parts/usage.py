"""Usage and its cost."""

from __future__ import annotations

from portal.ledger.usage_sums import Step
from portal.openapi.operations import ORGANIZATION, Part, in_query, one, operation
from portal.openapi.shapes import (
    COUNT,
    DAY,
    DECIMAL,
    INSTANT,
    MONEY,
    MONTH,
    TEXT,
    UID,
    UNIT_PRICE,
    answered,
    list_of,
    one_of,
    or_null,
    ref,
    said,
)
from portal.usage.chart import By
from portal.usage.page import DAYS_MAX, DAYS_MAX_HOURLY

_WINDOW = f"""\
An hour belongs to the window when it starts in [from, to). Without month, day, from and to it is the current
month so far. At most {DAYS_MAX} days, or {DAYS_MAX_HOURLY} with granularity=hour. A series adds up to its
product, products to their project, projects to the total, to the cent.
"""
_INSTANT_ASKED = {"type": "string", "examples": ["2026-01-01T00:00:00Z", "2026-01-01"]}

PART = Part(
    tag="Usage",
    about="What was used, hour by hour, and what it costs.",
    paths={
        "/billing/usage": {
            "get": operation(
                "get_usage",
                "Usage and cost of a window, by project and product",
                wanted="billing:read",
                details=_WINDOW,
                parameters=[
                    ORGANIZATION,
                    in_query("month", "The whole month; excludes day, from and to.", MONTH),
                    in_query("day", "The whole day in UTC; excludes month, from and to.", DAY),
                    in_query("from", "The start, ISO 8601; UTC where it names no zone.", _INSTANT_ASKED),
                    in_query("to", "The end, exclusive; now where it is left out.", _INSTANT_ASKED),
                    in_query("granularity", "Adds a series to each product.", one_of(Step)),
                    in_query("by", "Shapes the page; JSON is the same with either.", one_of(By)),
                    in_query(
                        "project_id",
                        "Only this project's; `none` for what belongs to no project.",
                        {"anyOf": [UID, {"const": "none"}]},
                    ),
                    in_query("product_id", "Only this product.", UID),
                    in_query(
                        "unit_price",
                        "Only what had this exact price, in major units.",
                        {"type": "string", "examples": ["0.00694"]},
                    ),
                    in_query("billed_by", "Only what this internal invoice bills.", UID),
                ],
                answers={200: one("Usage")},
            ),
        },
    },
    schemas={
        "Usage": answered(
            "A window of usage, priced.",
            {
                "organization_id": UID,
                "from": INSTANT,
                "to": INSTANT,
                "total": MONEY,
                "metered_through": said(or_null(INSTANT), "The start of the latest hour with an entry."),
                "missing_hours": said(COUNT, "How many hours the time-priced subscriptions still owe."),
                "projects": list_of(ref("ProjectUsage")),
            },
        ),
        "ProjectUsage": answered(
            "What a project used; without id and name it is the organization's own.",
            {
                "project_id": or_null(UID),
                "project_name": or_null(TEXT),
                "total": MONEY,
                "products": list_of(ref("ProductUsage")),
            },
        ),
        "ProductUsage": answered(
            "What a project used of a product at one price.",
            {
                "product_id": UID,
                "product_name": TEXT,
                "unit": said(TEXT, "What the quantity counts, such as hour or GB."),
                **UNIT_PRICE,
                "quantity": DECIMAL,
                "total": MONEY,
                "series": said(list_of(ref("UsagePoint")), "There with `granularity` alone."),
            },
            optional=("series",),
        ),
        "UsagePoint": answered(
            "A step of a series.", {"start": INSTANT, "quantity": DECIMAL, "total": MONEY}
        ),
    },
)
