"""The one encoder of answers: the bytes that the first release sent."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portal.domain import money as domain
from portal.web.json import encoded
from portal.web.shapes import Answer, Money, instant_or_null, money_or_null, rounded_price
from tests.properties import examples

TEXTS = st.text(st.characters(), max_size=20)  # half a surrogate pair is one of them
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


class Named(Answer, frozen=True):
    name: str


@examples(200)
@given(VALUES)
def test_json_is_ascii_without_spaces_as_the_standard_library_writes_it(value):
    assert encoded(value) == json.dumps(value, separators=(",", ":")).encode()


@examples(100)
@given(TEXTS)
def test_a_type_is_written_as_an_object_of_its_fields(text):
    assert encoded([Named(text)]) == encoded([{"name": text}])


def test_a_delete_character_is_escaped_too():
    assert encoded("\x7f") == rb'"\u007f"'


def test_a_price_is_rounded_half_up_to_the_minor_unit_of_its_currency():
    assert rounded_price(Decimal("0.005"), "EUR") == Money(1, "EUR")
    assert rounded_price(Decimal("1.5"), "JPY") == Money(2, "JPY")


def test_what_is_not_known_is_null():
    assert (money_or_null(None), instant_or_null(None)) == (None, None)
    assert money_or_null(domain.Money(5, "EUR")) == Money(5, "EUR")
