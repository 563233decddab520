"""Whole minor units of one currency: nothing is lost, nothing is mixed, a half goes away from zero."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import CurrencyMismatchError, Money, exponent_of, round_half_up
from tests.properties import examples

many = examples(200)
cents = st.integers(-(10**18), 10**18)


@pytest.mark.parametrize(
    ("currency", "exponent"),
    [
        ("EUR", 2),
        ("USD", 2),
        ("HUF", 2),  # Babel says 0
        ("JPY", 0),
        ("ISK", 0),
        ("KRW", 0),
        ("XOF", 0),
        ("UYI", 0),
        ("KWD", 3),
        ("BHD", 3),
        ("IQD", 3),  # Babel says 0
        ("TND", 3),
        ("CLF", 4),
        ("UYW", 4),
        ("HRK", 2),  # withdrawn: what is stored keeps two decimals
    ],
)
def test_the_exponent_of_a_currency_is_that_of_iso_4217(currency, exponent):
    assert exponent_of(currency) == exponent


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (0, 2, 0),
        (1, 2, 1),
        (-1, 2, -1),
        (3, 2, 2),
        (-3, 2, -2),
        (49, 100, 0),
        (50, 100, 1),
        (51, 100, 1),
        (-49, 100, 0),
        (-50, 100, -1),
        (1, 3, 0),
        (2, 3, 1),
    ],
)
def test_half_a_minor_unit_is_rounded_away_from_zero(numerator, denominator, rounded):
    assert round_half_up(numerator, denominator) == rounded


@many
@given(st.integers(-(10**40), 10**40), st.integers(1, 10**24))
def test_rounding_is_the_floor_of_a_half_more_for_numbers_of_any_size(numerator, denominator):
    magnitude = (abs(Fraction(numerator, denominator)) + Fraction(1, 2)).__floor__()
    assert round_half_up(numerator, denominator) == (magnitude if numerator >= 0 else -magnitude)


@many
@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_a_credit_mirrors_its_charge(numerator, denominator):
    assert round_half_up(-numerator, denominator) == -round_half_up(numerator, denominator)


@many
@given(cents, cents)
def test_money_adds_and_subtracts_cent_by_cent(one, other):
    assert Money(one, "EUR") + Money(other, "EUR") == Money(one + other, "EUR")
    assert Money(one, "EUR") - Money(other, "EUR") == Money(one - other, "EUR")


def test_two_currencies_never_meet_in_a_sum():
    with pytest.raises(CurrencyMismatchError):
        Money(1, "EUR") + Money(1, "USD")


def test_two_currencies_never_meet_in_a_difference():
    with pytest.raises(CurrencyMismatchError):
        Money(1, "EUR") - Money(1, "USD")


@pytest.mark.parametrize(
    ("money", "major"),
    [
        (Money(123456, "EUR"), "1234.56"),
        (Money(-1, "EUR"), "-0.01"),
        (Money(12345, "JPY"), "12345"),
        (Money(1, "KWD"), "0.001"),
        (Money(2**53 - 1, "EUR"), "90071992547409.91"),
    ],
)
def test_major_units_have_the_decimals_of_the_currency(money, major):
    assert money.major == Decimal(major)
    assert str(money.major) == major


def test_the_same_cents_of_two_currencies_are_not_equal():
    assert Money(1, "EUR") != Money(1, "USD")


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        Money(1, "EUR").cents = 2  # type: ignore[misc]
