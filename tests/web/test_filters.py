"""How amounts look: as Babel would write them, whatever the currency."""

from decimal import Decimal

import pytest
from babel.numbers import format_currency, list_currencies
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import Money, exponent_of
from portal.web.filters import money
from tests.properties import examples


@examples(100)
@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(list_currencies())))
def test_an_amount_looks_as_babel_writes_it(cents, currency):
    decimals = exponent_of(currency)
    pattern = f"¤#,##0.{'0' * decimals}" if decimals else "¤#,##0"
    shown = format_currency(
        Decimal(cents).scaleb(-decimals), currency, pattern, locale="en_IE", currency_digits=False
    )
    assert money(Money(cents, currency)) == shown.replace("-", "−")


@pytest.mark.parametrize(
    ("cents", "currency", "shown"),
    [
        (123456, "EUR", "€1,234.56"),
        (-5, "EUR", "−€0.05"),
        (12345, "JPY", "JP¥12,345"),
        (-1234567, "KWD", "−KWD1,234.567"),
        (0, "EUR", "€0.00"),
    ],
)
def test_every_currency_has_its_own_decimals(cents, currency, shown):
    assert money(Money(cents, currency)) == shown
