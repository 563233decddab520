"""Properties of a rated line against an independent computation in fractions."""

from decimal import Decimal, Inexact
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.rating import (
    ENTRY_MAX_NANO,
    PRICE_MAX_PICO,
    RatedLine,
    nano_of,
    pico_of,
    plain,
    price_of,
    quantity_of,
)
from tests.properties import examples

many = examples(150)
EXPONENTS = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4}
HALF = Fraction(1, 2)


def exact_minor(line, quantity_nano):
    return Fraction(quantity_nano, 10**9) * Fraction(line.price_pico, 10**12) * 10 ** EXPONENTS[line.currency]


def rounded(value):
    whole = (abs(value) + HALF).__floor__()
    return whole if value >= 0 else -whole


# Prices and quantities that land on and around half a cent much more often than chance would.
quantities = st.one_of(
    st.just(0),
    st.integers(1, 5),
    st.integers(0, 3).map(lambda units: units * 10**9),
    st.integers(0, 20).map(lambda tenths: tenths * 10**8),
    st.integers(0, ENTRY_MAX_NANO),
)
prices = st.one_of(
    st.sampled_from([0, 1, 400_000, 3 * 10**9, 4 * 10**9, 5 * 10**9, 6_940_000_000, 10**10, 5 * 10**11]),
    st.integers(0, 2 * 10**10),
    st.integers(0, PRICE_MAX_PICO),
)
lines = st.builds(RatedLine, prices, st.sampled_from(sorted(EXPONENTS)))
columns = st.lists(quantities, max_size=40)


@many
@given(lines, columns)
def test_a_whole_month_costs_its_invoice_line(line, hours):
    assert line.cost(0, sum(hours)) == rounded(exact_minor(line, sum(hours)))


@many
@given(lines, columns, st.lists(st.integers(0, 40), max_size=8))
def test_windows_that_tile_a_month_add_up_to_it(line, hours, cuts):
    edges = [0, *sorted(min(cut, len(hours)) for cut in cuts), len(hours)]
    costs = [line.cost(sum(hours[:start]), sum(hours[start:end])) for start, end in pairwise(edges)]
    assert sum(costs) == line.cost(0, sum(hours))


@many
@given(lines, columns, st.lists(st.integers(0, 40), max_size=8))
def test_a_window_costs_what_its_hours_do(line, hours, cuts):
    edges = [0, *sorted(min(cut, len(hours)) for cut in cuts), len(hours)]
    series = line.series(0, hours)
    for start, end in pairwise(edges):
        assert sum(series[start:end]) == line.cost(sum(hours[:start]), sum(hours[start:end]))


@many
@given(lines, quantities, columns)
def test_a_series_adds_up_to_the_cost_of_its_sum_from_anywhere(line, before, hours):
    assert sum(line.series(before, hours)) == line.cost(before, sum(hours))


@many
@given(lines, columns, columns)
def test_usage_of_a_later_hour_never_changes_the_cost_of_an_earlier_hour(line, past, future):
    assert line.series(0, past + future)[: len(past)] == line.series(0, past)


@many
@given(lines, columns.filter(bool), st.data())
def test_a_changed_hour_changes_the_cost_of_later_hours_alone_by_at_most_one_minor_unit(line, hours, data):
    at = data.draw(st.integers(0, len(hours) - 1))
    changed = list(hours)
    changed[at] = data.draw(quantities)
    before, after = line.series(0, hours), line.series(0, changed)
    assert after[:at] == before[:at]
    assert all(abs(a - b) <= 1 for a, b in zip(after[at + 1 :], before[at + 1 :], strict=True))


@many
@given(lines, quantities, quantities)
def test_the_cost_of_a_window_is_less_than_one_minor_unit_from_the_exact_product(line, before, quantity):
    assert abs(line.cost(before, quantity) - exact_minor(line, quantity)) < 1


@many
@given(lines, quantities)
def test_the_cost_from_the_start_is_at_most_half_a_minor_unit_from_the_exact_product(line, quantity):
    assert abs(line.cost(0, quantity) - exact_minor(line, quantity)) <= HALF


@many
@given(lines, quantities)
def test_a_line_without_usage_costs_nothing(line, before):
    assert line.cost(before, 0) == 0


@many
@given(lines, quantities, quantities)
def test_usage_never_costs_less_than_nothing(line, before, quantity):
    assert line.cost(before, quantity) >= 0


@many
@given(lines, quantities, quantities)
def test_a_credit_takes_back_what_its_charge_cost(line, before, quantity):
    assert line.cost(before + quantity, -quantity) == -line.cost(before, quantity)


@many
@given(lines, quantities)
def test_the_exact_amount_is_the_product_without_any_rounding(line, quantity):
    assert Fraction(line.exact(quantity)) * 10 ** EXPONENTS[line.currency] == exact_minor(line, quantity)


def test_half_a_cent_of_a_line_is_rounded_up():
    assert RatedLine(pico_of(Decimal("0.005")), "EUR").cumulative_amount(10**9) == 1


def test_a_nano_less_than_half_a_cent_of_a_line_is_rounded_down():
    assert RatedLine(pico_of(Decimal("0.005")), "EUR").cumulative_amount(10**9 - 1) == 0


def test_digits_of_an_amount_beyond_the_28_of_decimal_count():
    line = RatedLine(PRICE_MAX_PICO, "EUR")
    assert line.cumulative_amount(ENTRY_MAX_NANO * 744) == rounded(exact_minor(line, ENTRY_MAX_NANO * 744))


def test_a_month_of_one_subscription_fits_a_64_bit_sum():
    assert ENTRY_MAX_NANO * 24 * 31 < 2**63


@pytest.mark.parametrize("pico", [-1, PRICE_MAX_PICO + 1])
def test_a_line_refuses_a_price_that_no_column_holds(pico):
    with pytest.raises(AssertionError):
        RatedLine(pico, "EUR")


def test_a_line_refuses_usage_below_zero():
    with pytest.raises(AssertionError):
        RatedLine(1, "EUR").cost(0, -1)


# -- prices -----------------------------------------------------------------------------------------
@many
@given(st.integers(0, PRICE_MAX_PICO))
def test_a_price_comes_back_as_it_went_in(pico):
    assert pico_of(price_of(pico)) == pico


@pytest.mark.parametrize("zeros", ["0.00694", "0.0069400", "6.94E-3"])
def test_a_price_is_the_same_however_it_is_written(zeros):
    assert pico_of(Decimal(zeros)) == 6_940_000_000


def test_the_twelfth_decimal_of_a_price_is_kept():
    assert pico_of(Decimal("0.000000000001")) == 1


@pytest.mark.parametrize("price", ["0.0000000000001", "1.0000000000005", "0.00694000000001"])
def test_a_price_finer_than_12_decimals_is_refused(price):
    with pytest.raises(Inexact):
        pico_of(Decimal(price))


def test_a_price_with_too_many_digits_to_look_at_is_refused_too():
    with pytest.raises(Inexact):
        pico_of(Decimal("0." + "0" * 80 + "1"))


# -- quantities -------------------------------------------------------------------------------------
@many
@given(st.integers(0, ENTRY_MAX_NANO))
def test_nine_decimals_of_a_quantity_are_kept_and_nothing_is_told(nano):
    assert nano_of(quantity_of(nano)) == (nano, False)


decimals = st.decimals(min_value=0, max_value=10**7, places=14, allow_nan=False)


@many
@given(decimals)
def test_a_finer_quantity_is_rounded_half_up_and_told(quantity):
    exact = Fraction(quantity) * 10**9
    assert nano_of(quantity) == (rounded(exact), exact.denominator != 1)


@pytest.mark.parametrize(
    ("quantity", "nano", "is_rounded"),
    [
        ("1", 10**9, False),
        ("0.0000000004", 0, True),
        ("0.0000000005", 1, True),
        ("0.0000000015", 2, True),
        ("0.0000000025", 3, True),  # half to even would say 2
        ("1E+3", 1000 * 10**9, False),
        ("0.10000000000", 10**8, False),
    ],
)
def test_a_rounded_quantity_says_that_it_was_rounded(quantity, nano, is_rounded):
    assert nano_of(Decimal(quantity)) == (nano, is_rounded)


def test_a_quantity_of_a_hundred_digits_is_rounded_once():
    just_below_half = Decimal("0.0000000004" + "9" * 100)
    assert nano_of(just_below_half) == (0, True)


def test_a_trace_in_the_hundredth_decimal_of_a_quantity_is_told():
    assert nano_of(Decimal("1." + "0" * 99 + "1")) == (10**9, True)


# -- plain decimals ---------------------------------------------------------------------------------
@many
@given(st.integers(-(10**40), 10**40), st.integers(1, 21))
def test_a_scaled_integer_is_written_exactly_as_a_plain_decimal(scaled, decimals_):
    assert Fraction(plain(scaled, decimals_)) == Fraction(scaled, 10**decimals_)


@many
@given(st.integers(-(10**40), 10**40), st.integers(1, 21))
def test_a_scaled_integer_is_written_without_exponent_and_trailing_zeros(scaled, decimals_):
    number = plain(scaled, decimals_)
    exponent = number.as_tuple().exponent
    assert exponent <= 0
    assert exponent == 0 or number.as_tuple().digits[-1] != 0


@pytest.mark.parametrize(
    ("scaled", "shown"),
    [(0, "0"), (1, "0.000000001"), (10**9, "1"), (1000 * 10**9, "1000"), (-1_500_000_000, "-1.5")],
)
def test_a_quantity_is_shown_plainly(scaled, shown):
    assert f"{quantity_of(scaled):f}" == shown
