"""Who is billed, as a legal invoice prints it and as e-invoices need it; anything unusable is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from portal.domain.countries import checked_country
from portal.domain.email_address import is_email_address
from portal.domain.errors import UnusableValueError, ValidationError
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
_PLACEHOLDER = re.compile(r"%[\w-]+(\.[\w-]+)+%")  # EasyBill would fill it in
_GERMAN_POSTAL_CODE = re.compile(r"[0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingProfile:
    """All that a customer says about itself. `country` has two letters, `language` is de or en."""

    name: str
    street: str
    postal_code: str
    city: str
    country: str
    vat_id: str | None
    buyer_reference: str | None
    order_number: str | None
    emails: Sequence[str]
    language: str

    def checked(self) -> BillingProfile:
        """Return it tidied up, or raise ValidationError with a reason for each field that cannot be used."""
        problems: dict[str, list[str]] = {}
        found: dict[str, Any] = asdict(self)
        for field in LENGTHS_MAX:
            found[field] = _attempt(problems, field, partial(_line, field, found[field]))
        found["country"] = _attempt(problems, "country", partial(checked_country, self.country))
        found["language"] = _attempt(problems, "language", partial(_language, self.language))
        found["emails"] = _attempt(problems, "emails", partial(_emails, self.emails))
        if not problems:
            _check_together(problems, found)
        if problems:
            raise ValidationError(problems)
        return BillingProfile(**found)

    def differences(self, other: BillingProfile) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what differs: ours, and theirs."""
        mine, theirs = self.as_fields(), other.as_fields()
        names = [name for name in mine if mine[name] != theirs[name]]
        return {name: mine[name] for name in names}, {name: theirs[name] for name in names}

    def as_fields(self) -> dict[str, Any]:
        """Return it as plain values, by the names that JSON has."""
        return asdict(self) | {"emails": list(self.emails)}


def _attempt(problems: dict[str, list[str]], field: str, check: Callable[[], Any]) -> Any:
    try:
        return check()
    except UnusableValueError as error:
        problems[field] = [str(error)]
        return None


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
    emails = list(dict.fromkeys(each.strip() for each in given if each.strip()))
    if len(emails) > EMAILS_MAX:
        raise UnusableValueError(f"are more than {EMAILS_MAX}")
    for each in emails:
        if not is_email_address(each):
            shown = each[:_SHOWN_LENGTH_MAX]
            raise UnusableValueError(f"has something that is no e-mail address: {shown!r}")
    return emails


def _check_together(problems: dict[str, list[str]], found: dict[str, Any]) -> None:
    """Check what depends on another field, or on digits."""
    country = found["country"]
    if country == "DE" and not _GERMAN_POSTAL_CODE.fullmatch(found["postal_code"]):
        problems["postal_code"] = ["has five digits in Germany"]
    if found["vat_id"]:
        found["vat_id"] = _attempt(problems, "vat_id", partial(checked_vat_id, found["vat_id"], country))
    if found["buyer_reference"]:
        found["buyer_reference"] = _attempt(
            problems, "buyer_reference", partial(checked_buyer_reference, found["buyer_reference"])
        )
