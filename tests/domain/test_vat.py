"""VAT: which case a customer is, and the one rounding per document and rate."""

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.vat import (
    EU,
    VatCase,
    VatRules,
    VatTreatment,
    VatUndeterminedError,
    WithoutVatId,
    document_totals,
)
from portal.domain.vat_rates import STANDARD_RATES
from portal.domain.vat_texts import vat_text
from tests.properties import examples

many = examples(150)
TODAY = dt.date(2026, 1, 31)
nets = st.lists(st.tuples(st.sampled_from([0, 700, 1600, 1900]), st.integers(-(10**12), 10**12)), max_size=20)


def treatment(country: str, vat_id: str | None, *, supplied_on=TODAY, without_vat_id=WithoutVatId.REFUSE):
    rules = VatRules("DE", without_vat_id)
    return rules.treatment_of(rules.basis_of(country, vat_id), supplied_on)


def rounded(value: Fraction) -> int:
    whole = (abs(value) + Fraction(1, 2)).__floor__()
    return whole if value >= 0 else -whole


@pytest.mark.parametrize(
    ("country", "vat_id", "case", "rate"),
    [
        ("DE", None, VatCase.DOMESTIC, 1900),
        ("DE", "DE123456789", VatCase.DOMESTIC, 1900),
        ("AT", "ATU12345678", VatCase.REVERSE_CHARGE, 0),
        ("GR", "EL123456789", VatCase.REVERSE_CHARGE, 0),
        ("CH", None, VatCase.THIRD_COUNTRY, 0),
        ("GB", "GB123456789", VatCase.THIRD_COUNTRY, 0),
        ("US", None, VatCase.THIRD_COUNTRY, 0),
    ],
)
def test_the_vat_case_follows_from_the_country_and_the_vat_id(country, vat_id, case, rate):
    assert treatment(country, vat_id) == VatTreatment(case, rate)


@pytest.mark.parametrize("vat_id", [None, ""])
def test_an_eu_customer_without_a_vat_id_is_refused(vat_id):
    with pytest.raises(VatUndeterminedError):
        treatment("FR", vat_id)


@pytest.mark.parametrize(
    ("supplied_on", "rate"),
    [
        (dt.date(2007, 1, 1), 1900),
        (dt.date(2020, 6, 30), 1900),
        (dt.date(2020, 7, 1), 1600),
        (dt.date(2020, 12, 31), 1600),
        (dt.date(2021, 1, 1), 1900),
        (dt.date(2026, 12, 31), 1900),
    ],
)
def test_the_vat_rate_is_the_rate_of_the_day_of_the_supply(supplied_on, rate):
    assert treatment("DE", None, supplied_on=supplied_on).rate_basis_points == rate


@pytest.mark.parametrize(
    ("country", "supplied_on", "rate"),
    [
        ("FR", TODAY, 2000),
        ("MC", TODAY, 2000),
        ("FI", dt.date(2024, 8, 31), 2400),
        ("FI", dt.date(2024, 9, 1), 2550),
        ("EE", dt.date(2025, 6, 30), 2200),
        ("EE", dt.date(2025, 7, 1), 2400),
        ("RO", dt.date(2025, 8, 1), 2100),
        ("SK", dt.date(2025, 1, 1), 2300),
        ("HU", dt.date(2001, 1, 1), 2700),
    ],
)
def test_a_customer_of_the_union_without_a_vat_id_pays_the_rate_of_its_own_country(
    country, supplied_on, rate
):
    taxed = treatment(country, None, supplied_on=supplied_on, without_vat_id=WithoutVatId.DESTINATION)
    area = "FR" if country == "MC" else country
    assert taxed == VatTreatment(VatCase.ONE_STOP_SHOP, rate, taxed_in=area)


def test_an_eu_customer_without_a_vat_id_pays_the_german_rate_if_the_seller_chose_it():
    taxed = treatment("FR", None, without_vat_id=WithoutVatId.HOME)
    assert taxed == VatTreatment(VatCase.DOMESTIC, 1900)


@pytest.mark.parametrize("choice", WithoutVatId)
@pytest.mark.parametrize("country", ["DE", "CH"])
def test_the_choice_for_customers_without_a_vat_id_concerns_no_other_customer(country, choice):
    chosen = treatment(country, None, without_vat_id=choice)
    assert chosen == treatment(country, None)


@pytest.mark.parametrize("country", sorted(EU))
def test_the_vat_rates_of_a_country_are_in_order_and_plausible(country):
    rates = STANDARD_RATES[country]
    assert [since for since, _ in rates] == sorted({since for since, _ in rates})
    assert all(1500 <= rate <= 2700 for _, rate in rates)


@pytest.mark.parametrize(
    ("country", "vat_id", "language", "text"),
    [
        ("DE", None, "de", None),
        ("AT", "ATU13585627", "de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("AT", "ATU13585627", "en", "Reverse charge"),
        ("AT", "ATU13585627", "en", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("CH", None, "de", "nicht steuerbare Leistung"),
        ("CH", None, "en", "Not subject to German VAT"),
        ("FR", None, "de", "Mitgliedstaats FR"),
        ("FR", None, "en", "member state FR"),
    ],
)
def test_the_tax_note_that_the_law_requires_is_in_the_language_of_the_document(
    country, vat_id, language, text
):
    taxed = treatment(country, vat_id, without_vat_id=WithoutVatId.DESTINATION)
    found = vat_text(taxed, language, "DE")
    assert found is None if text is None else text in found


@pytest.mark.parametrize(
    ("country", "vat_id", "case", "rate"),
    [
        ("AT", None, VatCase.DOMESTIC, 2000),
        ("DE", "DE123456789", VatCase.REVERSE_CHARGE, 0),
        ("CH", None, VatCase.THIRD_COUNTRY, 0),
    ],
)
def test_the_home_rate_is_the_rate_of_the_country_where_the_seller_is_taxed(country, vat_id, case, rate):
    rules = VatRules("AT")
    assert rules.treatment_of(rules.basis_of(country, vat_id), TODAY) == VatTreatment(case, rate)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("case", [VatCase.THIRD_COUNTRY, VatCase.ONE_STOP_SHOP])
def test_only_a_seller_at_home_in_germany_names_german_law(case, language):
    texts = [vat_text(VatTreatment(case, 0, taxed_in="FR"), language, home) for home in ("AT", "DE")]
    assert "UStG" not in texts[0]
    assert "German" not in texts[0]
    assert "Art. " in texts[0]
    assert "UStG" in texts[1] or "German" in texts[1] or texts[0] == texts[1]


def test_the_eu_has_27_members():
    assert len(EU) == 27


def test_the_eu_has_greece_and_not_the_united_kingdom():
    assert "GR" in EU
    assert "GB" not in EU


def test_vat_is_rounded_once_per_document_and_not_per_line():
    # 19 % of 3 cents is 0.57: 1 cent each, but 1.71, that is 2 cents, for the document
    totals = document_totals([(1900, 3), (1900, 3), (1900, 3)])
    assert totals.vat_minor == {1900: 2}


def test_half_a_cent_of_vat_goes_up():
    assert document_totals([(1900, 50)]).vat_minor == {1900: 10}


def test_half_a_cent_of_vat_of_a_credit_goes_down():
    assert document_totals([(1900, -50)]).vat_minor == {1900: -10}


def test_a_vat_rate_of_zero_is_listed_in_the_totals():
    assert document_totals([(0, 100)]).vat_minor == {0: 0}


def test_a_document_without_lines_has_totals_of_zero():
    totals = document_totals([])
    assert (totals.net_minor, totals.vat_minor, totals.gross_minor) == (0, {}, 0)


@many
@given(nets)
def test_gross_is_net_and_vat(lines):
    totals = document_totals(lines)
    assert totals.net_minor == sum(net for _, net in lines)
    assert totals.gross_minor == totals.net_minor + sum(totals.vat_minor.values())


@many
@given(nets)
def test_the_vat_of_each_rate_is_computed_from_its_net_sum(lines):
    for rate, vat in document_totals(lines).vat_minor.items():
        net = sum(net for other, net in lines if other == rate)
        assert vat == rounded(Fraction(net * rate, 10_000))


@many
@given(nets)
def test_a_credit_note_takes_back_exactly_the_gross_of_its_document(lines):
    credit = document_totals([(rate, -net) for rate, net in lines])
    assert credit.gross_minor == -document_totals(lines).gross_minor


@many
@given(nets, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_the_totals_of_a_document(lines, random):
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert document_totals(shuffled) == document_totals(lines)
