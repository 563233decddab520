"""The countries of ISO 3166-1, by their two letters."""

import pycountry

from portal.domain.errors import UnusableValueError

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)


def checked_country(code: str) -> str:
    """Return the two letters of a country, or raise UnusableValueError."""
    if code not in COUNTRIES:
        raise UnusableValueError("is not an ISO 3166 code such as DE")
    return code
