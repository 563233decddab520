"""What a customer can be billed in, and that no amount that is stored changes its decimals."""

import pytest

from portal.domain.currencies import EXPONENTS, checked_currency
from portal.domain.errors import UnusableValueError


@pytest.mark.parametrize("code", ["EUR", "JPY", "KWD", "CHF", "XOF", "XPF", "XCG", "ZWG"])
def test_money_that_somebody_pays_with_is_a_currency_to_bill_in(code):
    assert checked_currency(code) == code


@pytest.mark.parametrize(
    "code", ["ZZZ", "", "EU", "EURO", "eur", "EU1", "ÄÖÜ", "EU ", "E\nR", "EUR\n", "DEM", "HRK", "EUR\0"]
)
def test_a_code_that_iso_does_not_list_is_refused(code):
    with pytest.raises(UnusableValueError, match=r"^is not an ISO 4217 code such as EUR$"):
        checked_currency(code)


@pytest.mark.parametrize(
    "code",
    [
        *("XAU", "XAG", "XPT", "XPD"),  # metals
        *("XXX", "XTS"),  # no currency, and tests
        *("BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI"),  # funds
        *("XDR", "XSU", "XUA", "XBA", "XBB", "XBC", "XBD", "XAD", "UYW"),  # units of account
    ],
)
def test_a_code_of_a_fund_a_metal_or_a_test_is_refused(code):
    with pytest.raises(UnusableValueError, match="which nobody pays with"):
        checked_currency(code)


def test_no_new_release_of_the_list_changes_the_decimals_of_an_amount_that_is_stored():
    zero = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    three = "BHD IQD JOD KWD LYD OMR TND"
    expected = dict.fromkeys(zero.split(), 0) | dict.fromkeys(three.split(), 3) | {"CLF": 4, "UYW": 4}
    assert {code: exponent for code, exponent in EXPONENTS.items() if exponent != 2} == expected
