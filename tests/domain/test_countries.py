from portal.domain.countries import COUNTRIES
from portal.domain.vat import EU


def test_iso_3166_has_249_countries():
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)


def test_every_member_state_is_a_country():
    assert EU < COUNTRIES
