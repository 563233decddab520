"""The text of a body that may be packed, bounded when it is unpacked."""

from __future__ import annotations

import zlib

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

_GZIP = 16 + zlib.MAX_WBITS


def unpacked_text(*, max_bytes: int) -> str:
    """Return the body's text; 400, 413 or 415 where it is none, too large, or packed in another way."""
    body = request.get_data(cache=False)
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "gzip":
        body = _unpacked(body, max_bytes)
    elif encoding != "identity":
        raise UnsupportedMediaType("The body may be packed with gzip, and nothing else.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    packed = zlib.decompressobj(_GZIP)
    try:
        unpacked = packed.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BadRequest("The body is not gzip.") from error
    if len(unpacked) > max_bytes:
        raise RequestEntityTooLarge
    if not packed.eof or packed.unused_data:
        raise BadRequest("The body is not gzip, whole and alone.")
    return unpacked
