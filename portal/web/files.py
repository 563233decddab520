"""Files that never change once they exist: sent with a strong ETag, so that a browser asks but once."""

import re

from flask import request
from werkzeug.wrappers import Response


def unchanging_file(
    content: bytes, *, name: str, sha256: str, media_type: str = "application/pdf"
) -> Response:
    """Return a file as a download, or 304 to a client that has it; `name` is its file name."""
    response = Response(content, mimetype=media_type)
    safe_name = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe_name}"'
    response.headers["Cache-Control"] = "private, max-age=0, must-revalidate"
    response.set_etag(sha256)
    return response.make_conditional(request)
