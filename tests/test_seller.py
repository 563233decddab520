"""The seller's settings: typed, checked, and refused with a sentence that names the setting."""

import datetime as dt

import pytest

from portal.config import ROOT
from portal.config.seller import BankAccount, Logo, SettingsError, seller_of
from portal.domain.vat import EU

VALUES = {
    "SELLER_NAME": "Alpencloud",
    "SELLER_SUPPORT_EMAIL": "support@alpencloud.example",
    "SELLER_COUNTRY": "AT",
    "SELLER_TIME_ZONE": "Europe/Vienna",
}


def seller(**values):
    return seller_of(VALUES | values, ROOT / "static")


def test_a_document_is_dated_in_the_time_zone_of_the_seller():
    at = dt.datetime(2026, 1, 31, 23, 30, tzinfo=dt.UTC)
    assert seller().day_of(at) == dt.date(2026, 2, 1)
    assert seller(SELLER_TIME_ZONE="Atlantic/Azores").day_of(at) == dt.date(2026, 1, 31)


def test_a_bank_account_is_kept_without_blanks_and_owned_by_the_seller_by_default():
    number = "AT61 1904 3002 3457 3201"
    assert seller(SELLER_IBAN=number).bank == BankAccount("Alpencloud", "AT611904300234573201", None)
    owned = seller(SELLER_IBAN=number, SELLER_BIC="gibaatwwxxx", SELLER_ACCOUNT_OWNER="Alpencloud AG").bank
    assert owned == BankAccount("Alpencloud AG", "AT611904300234573201", "GIBAATWWXXX")


def test_the_logo_of_a_seller_is_a_picture_or_a_drawing_in_a_picture():
    assert seller(SELLER_LOGO="demo/logo.svg").logo == Logo("demo/logo.svg", None)
    assert seller(SELLER_LOGO="demo/logo.svg#mark").logo == Logo("demo/logo.svg", "mark")


@pytest.mark.parametrize("home", sorted(EU))
def test_a_seller_may_be_at_home_in_every_member_state(home):
    assert seller(SELLER_COUNTRY=home).vat_home == home


def test_a_seller_in_a_country_without_own_vat_is_taxed_in_its_neighbour():
    assert seller(SELLER_COUNTRY="MC").vat_home == "FR"


def test_a_seller_from_outside_the_union_says_where_it_is_taxed():
    with pytest.raises(
        SettingsError, match=r"SELLER_COUNTRY is 'CH', whose VAT rates are not known here: .* AT, BE"
    ):
        seller(SELLER_COUNTRY="CH")
    assert seller(SELLER_COUNTRY="CH", SELLER_VAT_HOME="AT").vat_home == "AT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SELLER_COUNTRY", "UK"),
        ("SELLER_COUNTRY", "at"),
        ("SELLER_COUNTRY", "Austria"),
        ("SELLER_VAT_HOME", "GB"),
        ("SELLER_VAT_HOME", "ZZ"),
        ("SELLER_TIME_ZONE", "Vienna"),
        ("SELLER_TIME_ZONE", "../../etc/passwd"),
        ("SELLER_TIME_ZONE", "Europe"),
        ("SELLER_SUPPORT_EMAIL", "support"),
        ("SELLER_SUPPORT_EMAIL", "support@alpencloud.example\nBcc: x@y.example"),
        ("SELLER_NAME", "Alpen\r\nBcc: x@y.example"),
        ("SELLER_NAME", " "),
        ("SELLER_BRAND", "A" * 101),
        ("SELLER_LOGO", "demo/no-such-file.png"),
        ("SELLER_LOGO", "../pyproject.toml"),
        ("SELLER_LOGO", "demo"),
    ],
)
def test_an_unusable_setting_of_the_seller_is_refused_with_a_sentence_that_names_it(name, value):
    with pytest.raises(SettingsError, match=name) as refused:
        seller(**{name: value})
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["SELLER_BIC", "SELLER_ACCOUNT_OWNER"])
def test_a_part_of_a_bank_account_without_its_number_is_refused(name):
    with pytest.raises(SettingsError, match=f"{name} is set, and SELLER_IBAN is missing"):
        seller(**{name: "GIBAATWW"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("SELLER_IBAN", "AT61 1904 3002 3457 3202"), ("SELLER_IBAN", "12345"), ("SELLER_BIC", "GIBA")],
)
def test_a_bank_account_with_a_typing_error_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        seller(**({"SELLER_IBAN": "AT611904300234573201"} | {name: value}))
