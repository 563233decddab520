"""The start page, and whether the process and its database are well."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from portal.access.auth import PUBLIC, organization, policy
from portal.domain.errors import ProviderUnavailableError
from portal.overview import queries
from portal.overview.queries import Overview
from portal.services import settings
from portal.web.clock import now
from portal.web.renders import renders

bp = Blueprint("overview", __name__)


class NotMigratedError(ProviderUnavailableError):
    """The migrations of the database are missing."""


@bp.get("/")
@policy("billing:read")
@renders("overview/index.html")
def index() -> Overview:
    return queries.overview_of(organization(), now=now(), grace_days=settings().close_grace_days)


@bp.get("/healthz")
@policy(PUBLIC)
def healthz() -> ResponseReturnValue:
    """The process is up."""
    return jsonify({"status": "ok"})


@bp.get("/readyz")
@policy(PUBLIC)
def readyz() -> ResponseReturnValue:
    """The database answers, and its migrations are applied."""
    head = ScriptDirectory(current_app.extensions["migrate"].directory).get_current_head()
    if head is not None and queries.is_migrated(head):
        return jsonify({"status": "ok"})
    raise NotMigratedError
