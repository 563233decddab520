"""Stripe's published test IBANs; any other account is refused."""

import re
from typing import Any

from portal.sandbox.stripe.cards import fingerprint_of
from portal.sandbox.stripe.errors import RefusedError

# What tells these accounts apart (a debit that fails, is late or is disputed) shows when one is
# debited; all of them can be set up.
IBANS = frozenset(
    {
        "AT611904300234573201",
        "AT321904300235473204",
        "AT861904300235473202",
        "DE89370400440532013000",
        "DE08370400440532013003",
        "DE62370400440532013001",
        "DE78370400440532013004",
        "DE35370400440532013002",
        "BE62510007547061",
        "ES0700120345030000067890",
        "FI2112345600000785",
        "FR1420041010050500013M02606",
        "IE29AIBK93115212345678",
        "IT40S0542811101000000123456",
        "LU280019400644750000",
        "NL39RABO0300065264",
    }
)

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
