"""Numbers are read exactly and within bounds, and look as Babel would write them in two languages."""

from decimal import Decimal, localcontext

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.numbers import decimal_of, grouped, whole_of
from portal.domain.rating import plain
from tests.properties import examples


@examples(100)
@given(st.integers(-(10**24), 10**24), st.integers(0, 21), st.sampled_from(["en", "de"]))
def test_a_number_is_written_as_babel_writes_it_with_every_decimal(scaled, decimals, language):
    number = plain(scaled, decimals) if decimals else Decimal(scaled)
    with localcontext(prec=60):
        shown = format_decimal(number, f"#,##0.{'#' * 21}", locale=language)
    assert grouped(number, language) == shown


@pytest.mark.parametrize(
    ("number", "language", "shown"),
    [
        ("1234.5", "en", "1,234.50"),
        ("1234.5", "de", "1.234,50"),
        ("0.00694", "en", "0.00694"),
        ("-71.40", "de", "-71,40"),
        ("1E+3", "en", "1,000.00"),
    ],
)
def test_a_number_is_written_with_at_least_the_decimals_given(number, language, shown):
    assert grouped(Decimal(number), language, decimals_min=2) == shown


@pytest.mark.parametrize(
    "text", ["0", "-0", "0.5", ".5", "5.", "+1", "1e3", "1E-9", "12345678901234567890.5"]
)
def test_a_decimal_number_is_read_exactly(text):
    assert decimal_of(text).as_tuple() == Decimal(text).as_tuple()


@examples(100)
@given(st.floats(min_value=1e-30, max_value=1e30) | st.floats(min_value=-1e30, max_value=-1e-30))
def test_a_float_is_read_as_python_writes_it(number):
    assert decimal_of(repr(number)) == Decimal(repr(number))


def shortened(text):
    return repr(text[:12])


HOSTILE = (
    "", " ", "1 ", " 1", "1\n", "1_0", "1,5", "0x10", "1e", "e5", ".", "+", "--1", "1.2.3", "NaN", "sNaN",
    "inf", "Infinity", "-Infinity", "\0", "1\0", "١٢", "²", "１", "½", "\ud800", "1e1000000", "1e-1000000",
    "0e1000000", "1e41", "1e-41", "-1e41", "1e99999", "1e" + "9" * 5000, "1" * 41, "0." + "1" * 41,
    "9" * 100_000, "0" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=shortened)
def test_a_text_that_is_no_decimal_number_of_usual_size_is_refused(text):
    with pytest.raises(ValueError, match="number"):
        decimal_of(text)


@pytest.mark.parametrize("text", [*HOSTILE, "1.0", "1e3", "-1", "1234"], ids=shortened)
def test_a_text_that_is_no_whole_number_of_so_many_digits_is_refused(text):
    with pytest.raises(ValueError, match="number"):
        whole_of(text, digits=3)


def test_a_whole_number_is_read_from_its_least_value_on():
    assert (whole_of("007", digits=3), whole_of("-5", digits=3, least=None)) == (7, -5)
    assert whole_of("1", digits=3, least=1) == 1
    with pytest.raises(ValueError, match="too small"):
        whole_of("0", digits=3, least=1)


@pytest.mark.parametrize(("text", "is_near"), [("9999.5", True), ("10000", False), ("0.0001", False)])
def test_the_bounds_of_a_decimal_number_are_the_readers_choice(text, is_near):
    if is_near:
        assert decimal_of(text, digits=4, exponent=3) == Decimal(text)
        return
    with pytest.raises(ValueError, match="number"):
        decimal_of(text, digits=4, exponent=3)
