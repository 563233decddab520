"""Check digits of VAT ids and Leitweg-IDs."""

import pytest

from portal.domain.errors import UnusableValueError
from portal.domain.vat import EU
from portal.domain.vat_id import checked_buyer_reference, checked_vat_id


@pytest.mark.parametrize(
    ("country", "typed", "number"),
    [
        ("DE", "DE136695976", "DE136695976"),
        ("DE", "136695976", "DE136695976"),
        ("DE", " de 136 695 976 ", "DE136695976"),
        ("AT", "ATU13585627", "ATU13585627"),
        ("AT", "U13585627", "ATU13585627"),
        ("FR", "FR 40 303265045", "FR40303265045"),
        ("MC", "FR 40 303265045", "FR40303265045"),
        ("GR", "EL094259216", "EL094259216"),
        ("GR", "094259216", "EL094259216"),
        ("NL", "NL4495445B01", "NL004495445B01"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("GB", "GB 980 7806 84", "980780684"),
        ("US", "36-1234567", "36-1234567"),
        ("JP", "t1234567890123", "T1234567890123"),
    ],
)
def test_a_vat_id_that_can_be_right_is_taken_in_its_compact_form(country, typed, number):
    assert checked_vat_id(typed, country) == number


@pytest.mark.parametrize(
    ("country", "typed", "reason"),
    [
        ("DE", "DE136695977", "check digits"),
        ("DE", "DE13669597", "not a VAT id of DE"),
        ("AT", "DE136695976", "is one of DE, but the address is in AT"),
        ("FR", "EL094259216", "is one of EL"),
        ("GR", "GR094259217", "not a VAT id of GR"),
        ("CH", "CHE-107.787.578 IVA", "check digits"),
        ("GB", "GB 802311781", "check digits"),
        ("US", "?", "not a tax number"),
        ("US", "'; DROP TABLE", "not a tax number"),
        ("US", "é" * 5, "not a tax number"),
    ],
)
def test_a_vat_id_that_cannot_be_right_is_refused_with_the_reason(country, typed, reason):
    with pytest.raises(UnusableValueError, match=reason):
        checked_vat_id(typed, country)


@pytest.mark.parametrize("country", sorted(EU))
def test_every_member_state_has_rules_for_its_vat_ids(country):
    with pytest.raises(UnusableValueError):
        checked_vat_id("1", country)


@pytest.mark.parametrize("digit", range(10))
def test_a_single_check_digit_of_ten_makes_a_vat_id_right(digit):
    number = f"DE13669597{digit}"
    if digit == 6:
        assert checked_vat_id(number, "DE") == number
        return
    with pytest.raises(UnusableValueError):
        checked_vat_id(number, "DE")


@pytest.mark.parametrize(
    ("typed", "reference"),
    [
        ("991-03730-19", "991-03730-19"),
        ("04011000-1234512345-06", "04011000-1234512345-06"),
        ("053150001-53", "053150001-53"),
        ("Abteilung 7", "Abteilung 7"),
        (" PO-2026-12 ", "PO-2026-12"),
        ("4711-12", "4711-12"),
    ],
)
def test_a_buyer_reference_is_free_text_unless_it_looks_like_a_leitweg_id(typed, reference):
    assert checked_buyer_reference(typed) == reference


@pytest.mark.parametrize("typed", ["991-03730-18", "04011000-1234512345-60", "053150001-54", "99-21"])
def test_a_leitweg_id_with_wrong_check_digits_is_refused(typed):
    with pytest.raises(UnusableValueError, match="Leitweg-ID"):
        checked_buyer_reference(typed)
