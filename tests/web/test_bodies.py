"""Bodies of programs: an object is of its type, and each field is refused in its own words."""

import json
from typing import Annotated

import pytest
from flask import Flask
from msgspec import UNSET, Meta, UnsetType
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from portal.domain.errors import ValidationError
from portal.web.bodies import Body, Flag, Nothing, Text, TextOrNull, body_of, refused


class Order(Body, frozen=True):
    """What is ordered."""

    name: Text
    note: TextOrNull
    code: Text
    copies: Annotated[int, Meta(ge=1), refused("is not a number of copies")] | UnsetType = UNSET
    is_urgent: Flag | None = None


class Unexplained(Body, frozen=True):
    """A field that nobody said how to refuse."""

    name: str


GOOD = {"name": "a", "note": None, "code": "b"}
IN_FULL = {**GOOD, "copies": 2, "is_urgent": True}


def read(body, kind=Order, content_type="application/json"):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with Flask("bodies").test_request_context("/", method="POST", data=sent, content_type=content_type):
        return body_of(kind)


def test_a_json_body_becomes_an_object_of_its_type():
    assert read(GOOD) == Order("a", None, "b")
    assert read(IN_FULL) == Order("a", None, "b", 2, is_urgent=True)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"name": 1}, "name", "is not a text"),
        ({"name": None}, "name", "is not a text"),
        ({"note": 1}, "note", "is neither a text nor null"),
        ({"copies": 0}, "copies", "is not a number of copies"),
        ({"copies": True}, "copies", "is not a number of copies"),
        ({"copies": None}, "copies", "is not a number of copies"),
        ({"copies": 1.0}, "copies", "is not a number of copies"),
        ({"is_urgent": 1}, "is_urgent", "is not true or false"),
        ({"more": 1}, "more", "is not known here"),
    ],
)
def test_a_field_of_a_json_body_is_refused_in_its_own_words(change, field, reason):
    with pytest.raises(ValidationError) as refusal:
        read(GOOD | change)
    assert refusal.value.fields == {field: [reason]}


def test_all_errors_of_a_json_body_are_said_at_once_unknown_fields_first():
    with pytest.raises(ValidationError) as refusal:
        read({"more": 1, "code": 5})
    assert list(refusal.value.fields.items()) == [
        ("more", ["is not known here"]),
        ("name", ["is missing"]),
        ("code", ["is not a text"]),
        ("note", ["is missing"]),
    ]


def test_a_field_of_a_json_body_without_a_wording_of_its_refusal_raises():
    with pytest.raises(AssertionError, match="name"):
        read({"name": "a"}, Unexplained)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b"\xff", b"[" * 9000],
)
def test_a_body_that_is_no_json_or_cannot_be_stored_is_a_bad_request(body):
    with pytest.raises(BadRequest):
        read(body)


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_a_json_body_that_is_no_object_is_refused(body):
    with pytest.raises(ValidationError, match="Validation failed"):
        read(body)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=latin-1"])
def test_a_body_of_another_content_type_is_refused(content_type):
    with pytest.raises(UnsupportedMediaType):
        read(GOOD, content_type=content_type)


def test_an_empty_json_object_is_a_body_without_fields():
    assert read({}, Nothing) == Nothing()
