"""Serves the description of every JSON face, to anybody; it changes with a release alone."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from flask import Blueprint, Flask, current_app, request
from werkzeug.wrappers import Response

from portal.access.auth import PUBLIC, policy
from portal.openapi.document import document
from portal.openapi.headers import header_refs
from portal.web.json import JSON, encoded
from portal.web.operations import Operation

bp = Blueprint("openapi", __name__)
_KEPT = "portal.openapi"
_AGE_SECONDS = 3600  # its address has no digest, so a release has to get through
_DOCUMENT: JSON = {"type": "object", "description": "OpenAPI 3.1.", "required": ["openapi", "info", "paths"]}


@bp.get("/openapi.json")
@policy(PUBLIC)
@Operation(
    "get_openapi",
    "This document",
    answers={
        HTTPStatus.OK: {
            "description": "The document.",
            "headers": header_refs("ETag"),
            "content": {"application/json": {"schema": _DOCUMENT}},
        },
        HTTPStatus.NOT_MODIFIED: {
            "description": "It is the one that `If-None-Match` names.",
            "headers": header_refs("ETag"),
        },
    },
)
def openapi() -> Response:
    text = _text_of(current_app)
    response = Response(text, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={_AGE_SECONDS}"
    response.set_etag(hashlib.sha256(text).hexdigest())
    return response.make_conditional(request)


def _text_of(app: Flask) -> bytes:
    """Return the description of an app, which is put together when somebody wants it first."""
    if _KEPT not in app.extensions:
        app.extensions[_KEPT] = encoded(document(app))
    text: bytes = app.extensions[_KEPT]
    return text
