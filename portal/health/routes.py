"""Whether the process and its database are well, for what watches and what balances the load."""

from typing import Literal

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app

from portal.access.auth import MONITOR, PUBLIC, Policy
from portal.domain.errors import ProviderUnavailableError
from portal.health import queries
from portal.health.build import this_build
from portal.health.exposition import exposition
from portal.health.monitors import refusal_of_monitor
from portal.web.clock import now
from portal.web.operations import Operation
from portal.web.shapes import Answer

bp = Blueprint("health", __name__)


class NotMigratedError(ProviderUnavailableError):
    """The migrations of the database are missing."""


class Health(Answer, frozen=True):
    """How it is."""

    status: Literal["ok"]


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


@bp.get("/metrics")
@Policy(MONITOR)
def metrics() -> Response:
    refusal = refusal_of_monitor()
    if refusal is not None:
        return refusal
    return exposition(queries.facts(this_build(), now=now()))
