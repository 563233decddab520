"""The start page."""

from flask import Blueprint

from portal.access.auth import Policy, organization
from portal.overview import queries
from portal.overview.queries import Overview
from portal.services import settings
from portal.web.clock import now, today
from portal.web.renders import renders

bp = Blueprint("overview", __name__)


@bp.get("/")
@Policy("billing:read")
@renders("overview/index.html")
def index() -> Overview:
    return queries.overview_of(
        organization(), now=now(), today=today(), grace_days=settings().close_grace_days
    )
