"""Usage and its cost: the page with the chart, and the JSON behind it."""

from flask import Blueprint, request

from portal.access.auth import Policy, organization
from portal.ledger.usage_sums import Step
from portal.usage import queries, schema
from portal.usage.columns import column_texts
from portal.usage.page import By, LineFilter, Usage
from portal.web import args
from portal.web.clock import now
from portal.web.operations import Operation
from portal.web.renders import renders, wants_json

bp = Blueprint("usage", __name__)
bp.add_app_template_filter(column_texts)


@bp.get("/billing/usage")
@Policy("billing:read")
@Operation("get_usage", query=schema.UsageQuery)
@renders("usage/index.html", json=schema.usage, fragments={"usage"})
def index() -> Usage:
    step = args.choice("granularity", Step)
    usage = queries.usage_of(
        organization(),
        args.requested_window(now=now()),
        step=step or (Step.MONTH if wants_json() else None),
        has_series=step is not None,
        by=args.choice("by", By) or By.PRODUCT,
        only=_line_filter(),
        now=now(),
    )
    return usage if wants_json() else queries.for_page(usage)


def _line_filter() -> LineFilter:
    """Read which lines are meant: an invoice line leads here to show its hours."""
    is_without_project = request.args.get("project_id") == "none"
    return LineFilter(
        project=None if is_without_project else args.uid("project_id"),
        is_without_project=is_without_project,
        product=args.uid("product_id"),
        unit_price=args.decimal("unit_price", digits=20, exponent=20),
        billed_by=args.uid("billed_by"),
    )
