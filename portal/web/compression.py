"""Answers are compressed, but never where their length would tell a secret (BREACH).

Whoever watches the line and makes a browser ask learns from lengths what stands beside words of theirs. So an
answer to a cookie is compressed only where the browser says that no other site asked.
"""

import gzip
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import brotli
from flask import Flask, Response, request

_MIN_BYTES = 1024  # less fits into the first packet anyway
_FILES_MAX = 128
_KINDS = frozenset(
    {"application/json", "image/svg+xml", "text/css", "text/html", "text/javascript", "text/plain"}
)
_ENCODINGS = ("br", "gzip")  # the first that a client likes best
_OWN_ASKING = frozenset({"same-origin", "none"})  # by our own page, or typed into the browser


def init_app(app: Flask) -> None:
    @app.after_request
    def compress(response: Response) -> Response:
        if response.mimetype in _KINDS and request.method in {"GET", "HEAD"}:
            is_file = request.endpoint == "static"
            response.vary.update(("Accept-Encoding",) if is_file else ("Accept-Encoding", "Sec-Fetch-Site"))
            if is_file or _tells_no_secret():
                _compress(response, is_file=is_file)
        return response


def pack_files(app: Flask) -> None:
    """Compress the static files now, as every client will want them."""
    for path in Path(app.static_folder or "").rglob("*"):
        if path.suffix in {".css", ".js", ".svg"}:
            for encoding in _ENCODINGS:
                _packed_well(path.read_bytes(), encoding)


def _tells_no_secret() -> bool:
    """A token is sent by programs alone; without a cookie there is nothing of anybody's in the answer."""
    headers = request.headers
    return (
        "Authorization" in headers or "Cookie" not in headers or headers.get("Sec-Fetch-Site") in _OWN_ASKING
    )


def _compress(response: Response, *, is_file: bool) -> None:
    encoding = request.accept_encodings.best_match(_ENCODINGS)
    if encoding is None or response.content_encoding:
        return
    tag, is_weak = response.get_etag()
    if tag and not is_weak:
        response.set_etag(tag, weak=True)  # the same to whoever unpacks it, not byte for byte
    if response.status_code in {HTTPStatus.NOT_MODIFIED, HTTPStatus.PARTIAL_CONTENT}:
        return
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) < _MIN_BYTES:
        return
    response.set_data(_packed_well(content, encoding) if is_file else _packed(content, encoding))
    response.content_encoding = encoding
    response.headers.pop("Accept-Ranges", None)  # of the file, not of what is sent


def _packed(content: bytes, encoding: str) -> bytes:
    if encoding == "br":
        return bytes(brotli.compress(content, quality=4, lgwin=18))
    return gzip.compress(content, compresslevel=5, mtime=0)


@lru_cache(_FILES_MAX)
def _packed_well(content: bytes, encoding: str) -> bytes:
    """Compress a file as small as it gets, once: by its content, since it may change on disk."""
    if encoding == "br":
        return bytes(brotli.compress(content, quality=11))
    return gzip.compress(content, compresslevel=9, mtime=0)
