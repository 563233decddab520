"""Large bodies for programs: JSON or one object a line, gzip allowed, bounded when unpacked."""

from __future__ import annotations

import json
import re
import zlib
from decimal import Decimal
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from portal.web.json import refuse_constant, without_repeats

_GZIP = 16 + zlib.MAX_WBITS
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_DIGITS_MAX = 40


def json_or_lines(*, unpacked_max_bytes: int) -> list[Any]:
    """Return the entries of a JSON array, or of NDJSON; 400, 413 or 415 for anything else."""
    if request.mimetype not in {"application/json", "application/x-ndjson"}:
        raise UnsupportedMediaType("The body is application/json or application/x-ndjson.")
    text = _text(unpacked_max_bytes)
    if request.mimetype == "application/x-ndjson":
        return [_parsed(line) for line in text.split("\n") if line.strip()]
    entries = _parsed(text)
    if not isinstance(entries, list):
        raise BadRequest("The body is not a JSON array.")
    return entries


def _text(unpacked_max_bytes: int) -> str:
    body = request.get_data(cache=False)
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "gzip":
        body = _unpacked(body, unpacked_max_bytes)
    elif encoding != "identity":
        raise UnsupportedMediaType("The body may be packed with gzip, and nothing else.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error


def _unpacked(body: bytes, unpacked_max_bytes: int) -> bytes:
    packed = zlib.decompressobj(_GZIP)
    try:
        unpacked = packed.decompress(body, unpacked_max_bytes + 1)
    except zlib.error as error:
        raise BadRequest("The body is not gzip.") from error
    if len(unpacked) > unpacked_max_bytes:
        raise RequestEntityTooLarge
    if not packed.eof or packed.unused_data:
        raise BadRequest("The body is not gzip, whole and alone.")
    return unpacked


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_constant=refuse_constant,
            parse_float=_decimal,
            parse_int=_integer,
            object_pairs_hook=without_repeats,
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error


def _decimal(text: str) -> Decimal:
    if _PLAIN_NUMBER.fullmatch(text) is None:
        raise ValueError("an exponent, or too many digits")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise ValueError("too many digits")
    return int(text)
