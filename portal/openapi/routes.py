"""Serves the description of every JSON face, without a sign-in; it changes with a release alone."""

import hashlib

from flask import Blueprint, Flask, current_app, request
from werkzeug.wrappers import Response

from portal.access.auth import PUBLIC, Policy
from portal.openapi.document import document
from portal.web.json import encoded
from portal.web.operations import Operation

bp = Blueprint("openapi", __name__)
_KEPT = "portal.openapi"
_AGE_SECONDS = 3600  # its address has no digest, so a release has to get through


@bp.get("/openapi.json")
@Policy(PUBLIC)
@Operation("get_openapi")
def openapi() -> Response:
    text = _text_of(current_app)
    response = Response(text, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={_AGE_SECONDS}"
    response.set_etag(hashlib.sha256(text).hexdigest())
    return response.make_conditional(request)


def _text_of(app: Flask) -> bytes:
    """Return the description of an app, which is put together at the first request."""
    if _KEPT not in app.extensions:
        app.extensions[_KEPT] = encoded(document(app))
    text: bytes = app.extensions[_KEPT]
    return text
