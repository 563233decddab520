"""The seller, as pages, mails and documents name it, and its VAT home.

The settings begin with `SELLER_`. Each is checked at the start; an unusable value is refused with a sentence.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stdnum import bic, iban

from portal.domain.countries import checked_country
from portal.domain.email_address import is_email_address
from portal.domain.text_line import required_line
from portal.domain.vat import EU, vat_area

REQUIRED = ("SELLER_NAME", "SELLER_SUPPORT_EMAIL", "SELLER_COUNTRY", "SELLER_TIME_ZONE")
_NAME_LENGTH_MAX = 100
_TIME_ZONE_REASON = "is {text!r}; it is a zone of the tz database, such as Europe/Vienna"
Value = TypeVar("Value")


class SettingsError(Exception):
    """A setting is missing, cannot be used, or contradicts another; the sentence says which."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a customer transfers money to. The IBAN has no blanks."""

    owner: str
    iban: str
    bic: str | None

    @property
    def iban_in_fours(self) -> str:
        """Return the IBAN as papers print it: banks take it with its blanks too."""
        return str(iban.format(self.iban))


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture below `static/`. `symbol` is the id of a drawing in it that takes the colours of the page."""

    file: str
    symbol: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """The provider that customers buy from.

    `brand` is its name where there is little room; `vat_home` the member state whose rate domestic customers
    pay; `time_zone` the one in which its documents are dated.
    """

    name: str
    brand: str
    logo: Logo | None
    support_email: str
    country: str
    time_zone: ZoneInfo
    vat_home: str
    bank: BankAccount | None

    def day_of(self, at: dt.datetime) -> dt.date:
        """Return the date that a document made at an instant bears."""
        return at.astimezone(self.time_zone).date()


def seller_of(values: Mapping[str, str], static: Path) -> Seller:
    """Read the seller of some settings, the required ones among them; `static` is the folder of logos."""
    name = checked(values, "SELLER_NAME", _short_line)
    country = checked(values, "SELLER_COUNTRY", checked_country)
    return Seller(
        name=name,
        brand=checked(values, "SELLER_BRAND", _short_line, default=name),
        logo=_logo(values.get("SELLER_LOGO"), static),
        support_email=_support_email(values["SELLER_SUPPORT_EMAIL"]),
        country=country,
        time_zone=checked(values, "SELLER_TIME_ZONE", ZoneInfo, _TIME_ZONE_REASON),
        vat_home=_vat_home(values, country),
        bank=_bank(values, name),
    )


def checked(
    values: Mapping[str, str], name: str, parse: Callable[[str], Value], reason: str = "", default: str = ""
) -> Value:
    """Return what a setting says; SettingsError with the reason, else with what `parse` has against it.

    `{text!r}` in the reason is the setting's own text.
    """
    text = values.get(name, default)
    try:
        return parse(text)
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        raise SettingsError(f"{name} {reason.format(text=text) or error}.") from error


def _short_line(text: str) -> str:
    return required_line(text, _NAME_LENGTH_MAX)


def _vat_home(values: Mapping[str, str], country: str) -> str:
    """Return the member state where the seller is taxed: documents need its rates."""
    name = "SELLER_VAT_HOME" if "SELLER_VAT_HOME" in values else "SELLER_COUNTRY"
    home = vat_area(values.get("SELLER_VAT_HOME", country))
    if home not in EU:
        raise SettingsError(
            f"{name} is {home!r}, whose VAT rates are not known here: SELLER_VAT_HOME is one of"
            f" {', '.join(sorted(EU))}."
        )
    return home


def _support_email(address: str) -> str:
    if not is_email_address(address):
        raise SettingsError(f"SELLER_SUPPORT_EMAIL is {address!r}, which is no e-mail address.")
    return address


def _logo(name: str | None, static: Path) -> Logo | None:
    if name is None:
        return None
    file, _, symbol = name.partition("#")
    path = static / file
    if not path.is_file() or not path.resolve().is_relative_to(static.resolve()):
        raise SettingsError(f"SELLER_LOGO is {name!r}; it is the path of a file below static/.")
    return Logo(file, symbol or None)


def _bank(values: Mapping[str, str], name: str) -> BankAccount | None:
    if "SELLER_IBAN" not in values:
        for part in ("SELLER_BIC", "SELLER_ACCOUNT_OWNER"):
            if values.get(part):
                raise SettingsError(f"{part} is set, and SELLER_IBAN is missing: an account has a number.")
        return None
    owner = checked(values, "SELLER_ACCOUNT_OWNER", _short_line, default=name)
    return BankAccount(
        owner,
        checked(values, "SELLER_IBAN", iban.validate, "is not an IBAN: its country, length or check digits"),
        checked(values, "SELLER_BIC", bic.validate, "is {text!r}; a BIC has 8 or 11 characters")
        if values.get("SELLER_BIC")
        else None,
    )
