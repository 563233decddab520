"""Who may read the numbers: whoever has METRICS_TOKEN; of a demo without one, this machine."""

import hmac
from http import HTTPStatus
from ipaddress import ip_address

from flask import Response, request

from portal.access.identity import bearer_token
from portal.config.types import Environment
from portal.domain.errors import NotFoundError
from portal.services import settings

_NAME_IT = "Send METRICS_TOKEN as a bearer token.\n"


def refusal_of_monitor() -> Response | None:
    """Return the answer to one who may not; without a token in the settings there is nothing here."""
    token = settings().watch.metrics_token
    if token is None:
        if settings().environment is Environment.DEMO and _is_this_machine(request.remote_addr):
            return None
        raise NotFoundError
    if hmac.compare_digest(bearer_token().encode(), token.encode()):
        return None
    challenge = {"WWW-Authenticate": "Bearer"}
    return Response(_NAME_IT, HTTPStatus.UNAUTHORIZED, challenge, mimetype="text/plain")


def _is_this_machine(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False
