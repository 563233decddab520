"""The billing profile, as a legal invoice prints it and e-invoices need it; unusable values are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NewType

from portal.domain.countries import checked_country
from portal.domain.currencies import checked_currency
from portal.domain.email_address import is_email_address
from portal.domain.errors import UnusableValueError
from portal.domain.problems import Problems
from portal.domain.text_line import required_line, tidy_line
from portal.domain.vat_id import checked_buyer_reference, checked_vat_id

LANGUAGES = ("de", "en")
EMAILS_MAX = 3
LENGTHS_MAX = {
    "name": 120,
    "street": 120,
    "postal_code": 20,
    "city": 80,
    "vat_id": 40,
    "buyer_reference": 80,
    "order_number": 60,
}
_REQUIRED = ("name", "street", "postal_code", "city")
_SHOWN_LENGTH_MAX = 80
_PLACEHOLDER = re.compile(r"%[\w-]+(\.[\w-]+)+%")  # a provider of documents would fill it in
_GERMAN_POSTAL_CODE = re.compile(r"[0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingProfile:
    """All that a customer says about itself. `country` has two letters, `language` is de or en."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str
    vat_id: str | None = None
    buyer_reference: str | None = None
    order_number: str | None = None
    emails: Sequence[str] = ()
    language: str = "en"

    def checked(self, *, currency: str | None = None) -> CheckedProfile:
        """Return it tidied up, or raise ValidationError with a reason for each field that cannot be used.

        A new customer's currency is checked with it; None stands for one that stays as it is.
        """
        problems = Problems()
        tidy: dict[str, Any] = asdict(self)
        for field in LENGTHS_MAX:
            tidy[field] = problems.attempt(field, partial(_line, field, tidy[field]))
        tidy["country"] = problems.attempt("country", partial(checked_country, self.country))
        tidy["language"] = problems.attempt("language", partial(_language, self.language))
        tidy["emails"] = problems.attempt("emails", partial(_emails, self.emails))
        if not problems:
            _check_together(problems, tidy)
        if currency is not None:
            problems.attempt("currency", partial(checked_currency, currency))
        problems.refuse()
        return CheckedProfile(BillingProfile(**tidy))

    def differences(self, other: BillingProfile) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what differs: ours, and theirs."""
        mine, theirs = self.as_fields(), other.as_fields()
        names = [name for name in mine if mine[name] != theirs[name]]
        return {name: mine[name] for name in names}, {name: theirs[name] for name in names}

    def as_fields(self) -> dict[str, Any]:
        """Return it as plain values, by the names that JSON has."""
        return asdict(self) | {"emails": list(self.emails)}


CheckedProfile = NewType("CheckedProfile", BillingProfile)  # made by `checked` alone; all that a row takes


def _line(field: str, text: str | None) -> str | None:
    """Tidy one line of text; an empty one is None where it may be."""
    length_max = LENGTHS_MAX[field]
    tidy = required_line(text or "", length_max) if field in _REQUIRED else tidy_line(text or "", length_max)
    if _PLACEHOLDER.search(tidy):
        raise UnusableValueError("has a placeholder between % signs")
    return tidy or None


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise UnusableValueError(f"is not one of {', '.join(LANGUAGES)}")
    return code


def _emails(given: Sequence[str]) -> list[str]:
    emails = list(dict.fromkeys(text.strip() for text in given if text.strip()))
    if len(emails) > EMAILS_MAX:
        raise UnusableValueError(f"are more than {EMAILS_MAX}")
    for email in emails:
        if not is_email_address(email):
            shown = email[:_SHOWN_LENGTH_MAX]
            raise UnusableValueError(f"has something that is no e-mail address: {shown!r}")
    return emails


def _check_together(problems: Problems, tidy: dict[str, Any]) -> None:
    """Check what depends on another field, or on digits."""
    country, vat_id, reference = tidy["country"], tidy["vat_id"], tidy["buyer_reference"]
    if country == "DE" and not _GERMAN_POSTAL_CODE.fullmatch(tidy["postal_code"]):
        problems.add("postal_code", "has five digits in Germany")
    if vat_id:
        tidy["vat_id"] = problems.attempt("vat_id", partial(checked_vat_id, vat_id, country))
    if reference:
        check = partial(checked_buyer_reference, reference)
        tidy["buyer_reference"] = problems.attempt("buyer_reference", check)
