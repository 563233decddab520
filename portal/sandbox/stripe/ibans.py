"""Stripe's published test IBANs; any other account is refused."""

import re
from typing import Any

from portal.sandbox.stripe.cards import fingerprint_of
from portal.sandbox.stripe.errors import RefusedError

# The course of an account that is set up. At Stripe these accounts tell their difference only when they
# are debited; here nothing is, so a late one lets the set-up wait, and a failing one loses its mandate.
IBANS = {
    "AT611904300234573201": None,
    "AT321904300235473204": "settle",
    "AT861904300235473202": "end",
    "DE89370400440532013000": None,
    "DE08370400440532013003": "settle",
    "DE62370400440532013001": "end",
    "DE78370400440532013004": "refuse",
    "DE35370400440532013002": None,
    "BE62510007547061": None,
    "ES0700120345030000067890": None,
    "FI2112345600000785": None,
    "FR1420041010050500013M02606": None,
    "IE29AIBK93115212345678": None,
    "IT40S0542811101000000123456": None,
    "LU280019400644750000": None,
    "NL39RABO0300065264": None,
}
COURSES_BY_FINGERPRINT = {fingerprint_of(iban): course for iban, course in IBANS.items()}

# Where an IBAN keeps its bank and branch codes, as (start, end); an empty slice is no branch.
CODES = {
    "AT": ((4, 9), (0, 0)),
    "BE": ((4, 7), (0, 0)),
    "DE": ((4, 12), (0, 0)),
    "ES": ((4, 8), (8, 12)),
    "FI": ((4, 7), (0, 0)),
    "FR": ((4, 9), (9, 14)),
    "IE": ((4, 8), (8, 14)),
    "IT": ((5, 10), (10, 15)),
    "LU": ((4, 7), (0, 0)),
    "NL": ((4, 8), (0, 0)),
}


def checked_account(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the `sepa_debit` part of a payment method, which never holds the IBAN itself."""
    iban = re.sub(r"\s", "", str(facts.get("iban", ""))).upper()
    if not passes_check_digits(iban):
        message = "The IBAN you provided is invalid."
        raise RefusedError(message, code="invalid_bank_account_iban", param="sepa_debit[iban]")
    if iban not in IBANS:
        message = "This sandbox accepts Stripe's test IBANs only, such as DE89 3704 0044 0532 0130 00."
        raise RefusedError(message, code="bank_account_unusable", param="sepa_debit[iban]")
    bank, branch = CODES[iban[:2]]
    return {
        "bank_code": iban[slice(*bank)],
        "branch_code": iban[slice(*branch)],
        "country": iban[:2],
        "fingerprint": fingerprint_of(iban),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }


def passes_check_digits(iban: str) -> bool:
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}", iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1
