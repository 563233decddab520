"""Whether the process and its database are well, for what watches and what balances the load."""

from http import HTTPStatus
from typing import Literal

from flask import Blueprint, Response

from portal.access.auth import MONITOR, PUBLIC, Policy
from portal.health.build import this_build
from portal.health.exposition import exposition
from portal.health.monitors import refusal_of_monitor
from portal.health.present import present_facts
from portal.health.readiness import NotReadyError, refuse_unready
from portal.services import settings
from portal.web.errors import Problem, envelope
from portal.web.operations import Operation
from portal.web.shapes import Answer

bp = Blueprint("health", __name__)


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
    refuse_unready(settings().database_url, this_build().schema)
    return Health("ok")


@bp.errorhandler(NotReadyError)
def say_what_is_missing(error: NotReadyError) -> Response:
    """Answer in JSON, as the view does: who balances the load asks for nothing."""
    response = envelope(Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error)))
    response.headers["Retry-After"] = "10"
    return response


@bp.get("/metrics")
@Policy(MONITOR)
def metrics() -> Response:
    refusal = refusal_of_monitor()
    if refusal is not None:
        return refusal
    return exposition(present_facts())
