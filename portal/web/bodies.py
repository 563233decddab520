"""Bodies that programs send, read strictly: an object of a type.

A text that is no JSON is 400, another type of content 415; `entries` reads bodies of many. The type of a body
describes its fields once, for `/openapi.json` and for the sentences of refusals.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from flask import Flask, abort, request
from msgspec import Meta, Struct, inspect
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from portal.domain.errors import ValidationError
from portal.domain.strict_json import value_of

REFUSAL = "portal.refusal"  # in the WSGI environment: the status with which the server left a body unread
NO_JSON = "The body is not valid JSON."


def init_app(app: Flask) -> None:
    @app.before_request
    def refuse_what_was_left_unread() -> None:
        if refusal := request.environ.get(REFUSAL):
            abort(refusal)


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
    with refusing_what_is_no_json():
        body = value_of(request.get_data().decode())
    if not isinstance(body, dict):
        raise ValidationError({"body": ["is not a JSON object"]})
    return body


@contextmanager
def refusing_what_is_no_json() -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError) as error:
        raise BadRequest(NO_JSON) from error
