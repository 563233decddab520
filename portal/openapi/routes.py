"""Serves the description of every JSON face, to anybody; it changes with a release alone."""

from __future__ import annotations

import hashlib
import json

from flask import Blueprint, request
from werkzeug.wrappers import Response

from portal.access.auth import PUBLIC, policy
from portal.openapi.document import document

bp = Blueprint("openapi", __name__)
_TEXT = json.dumps(document(), ensure_ascii=False).encode()
_SHA256 = hashlib.sha256(_TEXT).hexdigest()
_AGE_SECONDS = 3600  # its address has no digest, so a release has to get through


@bp.get("/openapi.json")
@policy(PUBLIC)
def openapi() -> Response:
    response = Response(_TEXT, mimetype="application/json")
    response.headers["Cache-Control"] = f"public, max-age={_AGE_SECONDS}"
    response.set_etag(_SHA256)
    return response.make_conditional(request)
