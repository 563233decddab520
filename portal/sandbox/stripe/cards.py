"""Stripe's published test cards and the checks a card has to pass; any other number is refused."""

import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any

from portal.sandbox.stripe.errors import RefusedError, card_error


@dataclass(frozen=True)
class SandboxCard:
    """A published test number and what becomes of it when it is set up."""

    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    refusal: str | None = None
    asks_bank: bool = False


@dataclass(frozen=True)
class CardRefusal:
    """How a decline is worded; only those with the code card_declined carry a decline code."""

    code: str
    message: str
    decline_code: str | None = None


CARDS = {
    card.number: card
    for card in (
        SandboxCard("4242424242424242"),
        SandboxCard("4000056655665556", funding="debit"),
        SandboxCard("5555555555554444", "mastercard"),
        SandboxCard("2223003122003222", "mastercard"),
        SandboxCard("5200828282828210", "mastercard", funding="debit"),
        SandboxCard("378282246310005", "amex"),
        SandboxCard("6011111111111117", "discover"),
        SandboxCard("3056930009020004", "diners"),
        SandboxCard("3566002020360505", "jcb", "JP"),
        SandboxCard("4000000400000008", country="AT"),
        SandboxCard("4000002760000016", country="DE"),
        SandboxCard("4000007560000009", country="CH"),
        SandboxCard("4000002500003155", country="FR", asks_bank=True),
        SandboxCard("4000002760003184", country="DE", asks_bank=True),
        SandboxCard("4000000000003220", asks_bank=True),
        SandboxCard("4000000000000341"),
        SandboxCard("4000000000000002", refusal="generic_decline"),
        SandboxCard("4000000000009995", refusal="insufficient_funds"),
        SandboxCard("4000000000009987", refusal="lost_card"),
        SandboxCard("4000000000009979", refusal="stolen_card"),
        SandboxCard("4100000000000019", refusal="fraudulent"),
        SandboxCard("4000000000000069", refusal="expired_card"),
        SandboxCard("4000000000000127", refusal="incorrect_cvc"),
        SandboxCard("4000000000000119", refusal="processing_error"),
    )
}

TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_mastercard_debit": "5200828282828210",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_diners": "3056930009020004",
    "pm_card_jcb": "3566002020360505",
    "pm_card_at": "4000000400000008",
    "pm_card_de": "4000002760000016",
    "pm_card_ch": "4000007560000009",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
}

DECLINED = "Your card was declined."
REFUSALS = {
    "generic_decline": CardRefusal("card_declined", DECLINED, "generic_decline"),
    "insufficient_funds": CardRefusal(
        "card_declined", "Your card has insufficient funds.", "insufficient_funds"
    ),
    "lost_card": CardRefusal("card_declined", DECLINED, "lost_card"),
    "stolen_card": CardRefusal("card_declined", DECLINED, "stolen_card"),
    "fraudulent": CardRefusal("card_declined", DECLINED, "fraudulent"),
    "expired_card": CardRefusal("expired_card", "Your card has expired."),
    "incorrect_cvc": CardRefusal("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": CardRefusal(
        "processing_error", "An error occurred while processing your card. Try again in a little bit."
    ),
}


def fingerprint_of(number: str) -> str:
    """The same for the same number, and all that is kept of it."""
    return hashlib.sha256(f"sandbox fingerprint {number}".encode()).hexdigest()[:16]


CARDS_BY_FINGERPRINT = {fingerprint_of(number): card for number, card in CARDS.items()}


def card_of_token(token: str, year: int) -> dict[str, Any]:
    """The card facts behind pm_card_visa and its like, as a form would send them."""
    number = TOKENS[token]
    cvc = "1234" if CARDS[number].brand == "amex" else "123"
    return {"number": number, "exp_month": "12", "exp_year": str(year + 4), "cvc": cvc}


def checked_card(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the `card` part of a payment method, or refuse as Stripe's test mode does."""
    card = _known_card(re.sub(r"[\s-]", "", str(facts.get("number", ""))))
    month, year = _checked_expiry(str(facts.get("exp_month", "")), str(facts.get("exp_year", "")))
    _check_security_code(str(facts.get("cvc", "")), card.brand)
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": fingerprint_of(card.number),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _known_card(number: str) -> SandboxCard:
    if number in CARDS:
        return CARDS[number]
    if not re.fullmatch(r"[0-9]{12,19}", number) or not passes_luhn(number):
        raise card_error("Your card number is incorrect.", code="incorrect_number", param="number")
    raise _live_card()


def _live_card() -> RefusedError:
    return card_error(
        "Your card was declined. Your request was in test mode, but used a non test (live) card. "
        "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
        code="card_declined",
        decline_code="test_mode_live_card",
    )


def _checked_expiry(month_text: str, year_text: str) -> tuple[int, int]:
    month = int(month_text) if re.fullmatch(r"[0-9]{1,2}", month_text) else 0
    year = int(year_text) if re.fullmatch(r"[0-9]{2}|[0-9]{4}", year_text) else 0
    year += 2000 if year < 100 else 0
    today = time.gmtime()
    if not 1 <= month <= 12 or (year == today.tm_year and month < today.tm_mon):
        message = "Your card's expiration month is invalid."
        raise card_error(message, code="invalid_expiry_month", param="exp_month")
    if not today.tm_year <= year <= today.tm_year + 50:
        message = "Your card's expiration year is invalid."
        raise card_error(message, code="invalid_expiry_year", param="exp_year")
    return month, year


def _check_security_code(code: str, brand: str) -> None:
    if len(code) != (4 if brand == "amex" else 3) or not re.fullmatch(r"[0-9]+", code):
        raise card_error("Your card's security code is invalid.", code="invalid_cvc", param="cvc")
