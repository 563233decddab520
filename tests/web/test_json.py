"""The one encoder of answers: the bytes that the first release sent."""

import datetime as dt
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import money as domain
from portal.domain.period import Month
from portal.web.json import encoded
from portal.web.shapes import Answer, Money, rounded_price
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
def test_a_type_is_written_as_a_json_object_of_its_fields(text):
    assert encoded([Named(text)]) == encoded([{"name": text}])


def test_a_delete_character_is_escaped_in_json_too():
    assert encoded("\x7f") == rb'"\u007f"'


def test_a_price_is_rounded_half_up_to_the_minor_unit_of_its_currency():
    assert rounded_price(Decimal("0.005"), "EUR") == Money(1, "EUR")
    assert rounded_price(Decimal("1.5"), "JPY") == Money(2, "JPY")


class Paid(Answer, frozen=True):
    amount: Money | None
    month: str
    at: str | None
    share: str
    by: str


def test_an_answer_takes_values_of_the_same_names_from_its_source():
    at = dt.datetime(2026, 1, 31, 23, 59, 58, 999, tzinfo=dt.UTC)
    source = SimpleNamespace(
        amount=domain.Money(5, "EUR"), month=Month(2026, 1), at=at, share=Decimal("1.50")
    )

    answer = Paid.of(source, by="card")

    assert answer == Paid(Money(5, "EUR"), "2026-01", "2026-01-31T23:59:58Z", "1.5", "card")


def test_an_absent_value_of_an_answer_is_null_in_json():
    assert Paid.of(None, amount=None, month="2026-01", at=None, share="1", by="card").amount is None


def test_an_answer_whose_source_lacks_a_field_is_refused():
    with pytest.raises(AttributeError, match="amount"):
        Paid.of(SimpleNamespace())
