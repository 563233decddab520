"""VAT ids and Leitweg-IDs: their form, their country and their check digits.

A right form does not prove a holder: whether a VAT id is really assigned only the tax office
of its country knows.
"""

import re
from types import ModuleType

from stdnum.ch import vat as swiss
from stdnum.de import leitweg
from stdnum.eu import vat as european
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.gb import vat as british
from stdnum.no import mva as norwegian

from portal.domain.errors import UnusableValueError
from portal.domain.vat import EU, vat_area

_PREFIXES = {"GR": "EL"}  # all others are the country's own two letters
_ELSEWHERE = {"CH": swiss, "LI": swiss, "GB": british, "NO": norwegian}
_ANY_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{1,28}[A-Z0-9]")
# A coarse address is a state (01 to 16) or the federation (99) and may go on to district and municipality.
_LEITWEG = re.compile(
    r"(0[1-9]|1[0-6]|99)([0-9]|[0-9]{3}|[0-9]{6}|[0-9]{7}|[0-9]{10})?(-[0-9A-Z]{0,30})?-[0-9]{2}"
)


def checked_vat_id(text: str, country: str) -> str:
    """Return a VAT id as documents print it, or raise UnusableValueError.

    In the Union it has to be one of the customer's own country, check digits included; the prefix may be
    left out. Elsewhere what is known of the country's numbers is checked.
    """
    area = vat_area(country)
    number = text.strip().upper()
    if area in EU:
        return _european(number, area)
    if area in _ELSEWHERE:
        return _validated(_ELSEWHERE[area], number, area)
    if not _ANY_NUMBER.fullmatch(number):
        raise UnusableValueError("is not a tax number: letters, digits and . / - are")
    return number


def _european(number: str, country: str) -> str:
    prefix = _PREFIXES.get(country, country)
    compact = re.sub(r"[\s./-]", "", number)
    if not compact.startswith(prefix):
        other = compact[:2]
        if other in EU | {"EL"} and european.is_valid(compact):
            raise UnusableValueError(f"is one of {other}, but the address is in {country}")
        compact = prefix + compact
    return _validated(european, compact, country)


def _validated(rules: ModuleType, number: str, country: str) -> str:
    try:
        checked: str = rules.validate(number)
    except InvalidChecksum as error:
        raise UnusableValueError("has wrong check digits") from error
    except ValidationError as error:
        raise UnusableValueError(f"is not a VAT id of {country}") from error
    return checked


def checked_buyer_reference(text: str) -> str:
    """Return a buyer reference; the check digits of a Leitweg-ID have to be right."""
    reference = text.strip()
    compact = reference.upper()
    if not _LEITWEG.fullmatch(compact):
        return reference
    try:
        return leitweg.validate(compact)
    except ValidationError as error:
        raise UnusableValueError("looks like a Leitweg-ID, but its check digits are wrong") from error
