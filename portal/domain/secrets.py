"""Secrets that are never written down: keys, tokens, card and account numbers are blacked out of any text."""

import re

HIDDEN = "[hidden]"
_PATTERNS = (
    re.compile(r"bpk_[0-9A-Za-z]{5,}"),  # API tokens; a shown prefix is shorter
    re.compile(r"\b(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]+"),  # Stripe's keys
    re.compile(r"whsec_[0-9A-Za-z]+"),  # secrets of webhooks
    re.compile(r"\b(?:seti|pi)_[0-9A-Za-z]+_secret_[0-9A-Za-z]+"),  # client secrets
    re.compile(r"(?i)\b(?:bearer|basic)\s+[0-9A-Za-z._~+/=-]{8,}"),  # the rest of an Authorization header
)
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?:[ ]?[0-9A-Z]{4}){2,7}(?:[ ]?[0-9A-Z]{1,4})?\b")
_DIGITS = re.compile(r"(?<![0-9A-Za-z-])(?:[0-9][ -]?){12,18}[0-9](?![0-9A-Za-z-])")
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def scrubbed(text: str) -> str:
    """Return a text without keys, tokens, card numbers or IBANs."""
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    text = _IBAN.sub(lambda match: HIDDEN if _is_iban(match[0]) else match[0], text)
    return _DIGITS.sub(lambda match: HIDDEN if _is_card_number(match[0]) else match[0], text)


def _is_iban(text: str) -> bool:
    """Tell an account number from a VAT id or a word by its check digits (ISO 7064)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def _is_card_number(text: str) -> bool:
    """Tell a card number from another long number by its check digit (Luhn)."""
    digits = [int(letter) for letter in text if letter.isdigit()][::-1]
    return sum(digits[0::2]) % 10 == -sum(_LUHN_DOUBLED[digit] for digit in digits[1::2]) % 10
