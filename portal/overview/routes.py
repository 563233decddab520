"""The start page, and whether the process and its database are well."""

from typing import Literal

from alembic.script import ScriptDirectory
from flask import Blueprint, current_app

from portal.access.auth import PUBLIC, Policy, organization
from portal.domain.errors import ProviderUnavailableError
from portal.overview import queries
from portal.overview.queries import Overview
from portal.services import settings
from portal.web.clock import now
from portal.web.operations import Operation
from portal.web.renders import renders
from portal.web.shapes import Answer

bp = Blueprint("overview", __name__)


class NotMigratedError(ProviderUnavailableError):
    """The migrations of the database are missing."""


class Health(Answer, frozen=True):
    """How it is."""

    status: Literal["ok"]


@bp.get("/")
@Policy("billing:read")
@renders("overview/index.html")
def index() -> Overview:
    return queries.overview_of(organization(), now=now(), grace_days=settings().close_grace_days)


@bp.get("/healthz")
@Policy(PUBLIC)
@Operation("get_health")
def healthz() -> Health:
    return Health("ok")


@bp.get("/readyz")
@Policy(PUBLIC)
@Operation("get_readiness", refuses=[503])
def readyz() -> Health:
    head = ScriptDirectory(current_app.extensions["migrate"].directory).get_current_head()
    if head is not None and queries.is_migrated(head):
        return Health("ok")
    raise NotMigratedError
