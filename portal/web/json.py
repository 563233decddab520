"""The one encoder of JSON answers, which are described once, as types (`web/shapes`)."""

import codecs
import json
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response

JSON = dict[str, Any]
_ENCODER = msgspec.json.Encoder()
_ESCAPED = "as JSON escapes"


def json_response(value: object, status: int = HTTPStatus.OK) -> Response:
    """Answer with JSON."""
    return Response(encoded(value) + b"\n", status, mimetype="application/json")


def encoded(value: object) -> bytes:
    """Return JSON in ASCII, without a space."""
    try:
        text = _ENCODER.encode(value)
    except UnicodeEncodeError:  # a refusal names what was sent, and half a surrogate pair was
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()
    if not text.isascii():
        text = text.decode().encode("ascii", _ESCAPED)
    return text.replace(b"\x7f", rb"\u007f")


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_ESCAPED, _escape)
