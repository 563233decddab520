"""The headers of answers that mean something to a program."""

from __future__ import annotations

from collections.abc import Mapping

from portal.web.json import JSON

_TEXT: JSON = {"type": "string"}


def _header(description: str, schema: JSON, *, is_required: bool = False) -> JSON:
    return {"description": description, "required": is_required, "schema": schema}


HEADERS: Mapping[str, JSON] = {
    "X-Request-Id": _header(
        "Names this request in our logs.", {"type": "string", "format": "uuid"}, is_required=True
    ),
    "Link": _header(
        'The whole address of the next slice, with `rel="next"` (RFC 8288); the last slice has none.', _TEXT
    ),
    "Idempotent-Replayed": _header(
        "`true` where this repeats the answer to an earlier request with the same `Idempotency-Key`.",
        {"const": "true"},
    ),
    "WWW-Authenticate": _header("How to authenticate.", {"const": "Bearer"}, is_required=True),
    "Retry-After": _header("How many seconds to wait.", {"type": "string", "pattern": "^[1-9][0-9]*$"}),
    "Allow": _header("The methods that the path answers to, where this one is refused.", _TEXT),
    "ETag": _header("Changes when the content does: send it as `If-None-Match`.", _TEXT, is_required=True),
    "Content-Disposition": _header("The name of the file.", _TEXT, is_required=True),
}


def header_refs(*names: str) -> JSON:
    """Point to headers by their names; every answer has a request id."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
