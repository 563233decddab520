"""Numbers look as Babel would write them, in English and in German."""

from decimal import Decimal, localcontext

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.numbers import grouped
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
