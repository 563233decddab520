"""Bodies that programs send, read strictly: an object of a type, or many entries, which may be packed.

Both are JSON in which no name is given twice; a text that is no JSON is 400, another type of content 415. The
type of a body describes its fields once, for `/openapi.json` and for the sentences of refusals.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from flask import Flask, request
from msgspec import Meta, Struct, inspect
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from portal.domain.errors import ValidationError

_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_DIGITS_MAX = 40
_GZIP = 16 + zlib.MAX_WBITS
IS_TOO_LARGE = "portal.body_is_too_large"  # in the WSGI environment: the server has left the body unread
_Parse = Callable[[str], object]


def init_app(app: Flask) -> None:
    @app.before_request
    def refuse_what_was_left_unread() -> None:
        if request.environ.get(IS_TOO_LARGE):
            raise RequestEntityTooLarge


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """An object of a body: nothing else may be in it. Each field says how it is refused."""


class Nothing(Body, frozen=True):
    """No fields."""


def refused(sentence: str) -> Meta:
    """Say how a value of another type is refused."""
    return Meta(extra={"refusal": sentence})


Text = Annotated[str, refused("is not a text")]
TextOrNull = Annotated[str | None, refused("is neither a text nor null")]
Flag = Annotated[bool, refused("is not true or false")]
Given = TypeVar("Given", bound=Body)


def body_of(kind: type[Given]) -> Given:
    """Read an object with the fields of a type and no others; 415, 400 or 422 for anything else."""
    body, fields = _object(), _fields_of(kind)
    problems = {name: ["is not known here"] for name in body if name not in fields}
    for name, field in fields.items():
        if name not in body:
            if field.is_required:
                problems[name] = ["is missing"]
        elif not _is_a(body[name], field.type):
            problems[name] = [field.refusal]
    if problems:
        raise ValidationError(problems)
    return kind(**body)


class _Field(NamedTuple):
    type: object
    is_required: bool
    refusal: str


@cache
def _fields_of(kind: type[Body]) -> Mapping[str, _Field]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    annotated = {field.name: field.type for field in msgspec.structs.fields(kind)}
    fields = {
        field.name: _Field(annotated[field.name], field.required, _refusal(field.type))
        for field in described.fields
    }
    assert all(field.refusal for field in fields.values()), f"no sentence refuses a field of {fields}"
    refusals = [field.refusal for field in fields.values()]  # fields that are refused alike stand together
    return dict(sorted(fields.items(), key=lambda named: refusals.index(named[1].refusal)))


def _refusal(kind: inspect.Type) -> str:
    """Find the sentence of a field's type; a type that may be null has that of its value."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra or {}).get("refusal", "")) or _refusal(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(filter(None, map(_refusal, kind.types)), "")
    return ""


def _is_a(value: object, kind: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _object() -> dict[str, object]:
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype != "application/json" or charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("The body has to be application/json.")
    with _refusing_what_is_no_json():
        body = _parsed(request.get_data().decode(), parse_float=Decimal)
        _refuse_odd_text(body)
    if not isinstance(body, dict):
        raise ValidationError({"body": ["is not a JSON object"]})
    return body


def _refuse_odd_text(value: object) -> None:
    """No database keeps a NUL or half a surrogate pair."""
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("a text with a NUL")
    elif isinstance(value, dict):
        for name, part in value.items():
            _refuse_odd_text(name)
            _refuse_odd_text(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_odd_text(part)


def entries_of_body(*, unpacked_max_bytes: int) -> list[object]:
    """Return the entries of a JSON array, or of NDJSON; 400, 413 or 415 for anything else."""
    if request.mimetype not in {"application/json", "application/x-ndjson"}:
        raise UnsupportedMediaType("The body is application/json or application/x-ndjson.")
    text = _unpacked_text(max_bytes=unpacked_max_bytes)
    with _refusing_what_is_no_json():
        if request.mimetype == "application/x-ndjson":
            return [_entry(line) for line in text.split("\n") if line.strip()]
        entries = _entry(text)
    if not isinstance(entries, list):
        raise BadRequest("The body is not a JSON array.")
    return entries


def _unpacked_text(*, max_bytes: int) -> str:
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


def _entry(text: str) -> object:
    return _parsed(text, parse_float=_decimal, parse_int=_integer)


@contextmanager
def _refusing_what_is_no_json() -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error


def _parsed(text: str, parse_float: _Parse, parse_int: _Parse = int) -> object:
    return json.loads(
        text,
        parse_constant=_refuse_constant,
        parse_float=parse_float,
        parse_int=parse_int,
        object_pairs_hook=_without_repeats,
    )


def _refuse_constant(name: str) -> None:
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that says a thing twice."""
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name is given twice")
    return named


def _decimal(text: str) -> Decimal:
    if _PLAIN_NUMBER.fullmatch(text) is None:
        raise ValueError("an exponent, or too many digits")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise ValueError("too many digits")
    return int(text)
