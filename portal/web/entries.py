"""Bodies of many entries, read one by one: a JSON array or NDJSON, which may be packed with gzip.

Nothing is kept of an entry once the next is asked for, and what is unpacked, decoded and parsed at a time has
a bound: 16 KB of gzip can say five million times `{}`. What is no good is 400, 413 or 415 where it is read.
"""

import re
import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from portal.domain.strict_json import DECODER
from portal.web.bodies import NO_JSON, refusing_what_is_no_json

ENTRY_LENGTH_MAX = 4096  # characters; a usage entry has 150
_PIECE_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_BLANKS = re.compile(r"[ \t\r\n]*")
_NO_GZIP = "The body is not gzip, whole and alone."
_TOO_LONG = f"An entry is longer than {ENTRY_LENGTH_MAX} characters."
_LONG_OR_NO_JSON = f"The body is not valid JSON, or an entry is longer than {ENTRY_LENGTH_MAX} characters."


def entries_of_body(*, unpacked_max_bytes: int) -> Iterator[object]:
    """Yield the entries of a JSON array, or of NDJSON, as they are read."""
    if request.mimetype not in {"application/json", "application/x-ndjson"}:
        raise UnsupportedMediaType("The body is application/json or application/x-ndjson.")
    pieces = _decoded(_unpacked(request.get_data(cache=False), unpacked_max_bytes))
    return _of_lines(pieces) if request.mimetype == "application/x-ndjson" else _of_array(_Text(pieces))


def _unpacked(body: bytes, max_bytes: int) -> Iterator[bytes]:
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"gzip", "identity"}:
        raise UnsupportedMediaType("The body may be packed with gzip, and nothing else.")
    pieces = (body[at : at + _PIECE_BYTES] for at in range(0, len(body), _PIECE_BYTES))
    return _bounded(_gunzipped(pieces) if encoding == "gzip" else pieces, max_bytes)


def _bounded(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    count = 0
    for piece in pieces:
        count += len(piece)
        if count > max_bytes:
            raise RequestEntityTooLarge
        yield piece


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packed = zlib.decompressobj(_GZIP)
    try:
        for piece in pieces:
            yield packed.decompress(piece, _PIECE_BYTES)
            while packed.unconsumed_tail:
                yield packed.decompress(packed.unconsumed_tail, _PIECE_BYTES)
    except zlib.error as error:
        raise BadRequest(_NO_GZIP) from error
    if not packed.eof or packed.unused_data:
        raise BadRequest(_NO_GZIP)


def _decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    decoder = getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error


def _of_lines(pieces: Iterator[str]) -> Iterator[object]:
    line = ""
    for piece in pieces:
        *lines, line = (line + piece).split("\n")
        yield from map(_of_line, filter(str.strip, lines))
        _refuse_long(len(line))
    if line.strip():
        yield _of_line(line)


def _of_line(line: str) -> object:
    _refuse_long(len(line))
    with refusing_what_is_no_json():
        return DECODER.decode(line)


def _refuse_long(length: int) -> None:
    if length > ENTRY_LENGTH_MAX:
        raise RequestEntityTooLarge(_TOO_LONG)


class _Text:
    """A text that comes in pieces, read from its beginning."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._read, self._at = "", 0

    def take(self, sign: str) -> bool:
        """Go behind a sign if it is the next."""
        self._skip_blanks()
        is_next = self._read.startswith(sign, self._at)
        self._at += len(sign) if is_next else 0
        return is_next

    def value(self) -> object:
        """Read the JSON value that is next."""
        self._skip_blanks()
        while len(self._read) - self._at <= ENTRY_LENGTH_MAX and self._more():
            pass
        window = self._read[self._at : self._at + ENTRY_LENGTH_MAX + 1]
        try:
            value, length = DECODER.raw_decode(window)
        except (ValueError, RecursionError) as error:
            raise BadRequest(_LONG_OR_NO_JSON if len(window) > ENTRY_LENGTH_MAX else NO_JSON) from error
        _refuse_long(length)
        self._at += length
        return value

    @property
    def is_at_end(self) -> bool:
        self._skip_blanks()
        return self._at == len(self._read)

    def _skip_blanks(self) -> None:
        self._at = _end_of_blanks(self._read, self._at)
        while self._at == len(self._read) and self._more():
            self._at = _end_of_blanks(self._read, self._at)

    def _more(self) -> bool:
        """Read another piece, if there is one, and forget what is read."""
        piece = next(self._pieces, None)
        self._read, self._at = self._read[self._at :] + (piece or ""), 0
        return piece is not None


def _end_of_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    assert blanks is not None, "it matches nothing too"
    return blanks.end()


def _of_array(text: _Text) -> Iterator[object]:
    if not text.take("["):
        raise BadRequest("The body is not a JSON array.")
    is_more = not text.take("]")
    while is_more:
        yield text.value()
        is_more = text.take(",")
        if not is_more and not text.take("]"):
            raise BadRequest(NO_JSON)
    if not text.is_at_end:
        raise BadRequest(NO_JSON)
