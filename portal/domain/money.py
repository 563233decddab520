"""Exact money: whole minor units of one currency. No float ever enters this file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# ISO 4217; every currency not named here has two decimals. Babel's exponents differ for 13 currencies.
_EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_EXPONENT_DEFAULT = 2
AMOUNT_MAX_MINOR = 2**53 - 1  # beyond it a JSON reader in JavaScript loses cents


class CurrencyMismatchError(TypeError):
    """Two currencies met in one sum: a mistake of ours, never of a customer."""


def exponent_of(currency: str) -> int:
    """Return how many decimals the minor unit of an ISO 4217 currency has: EUR 2, JPY 0, KWD 3."""
    return _EXPONENTS.get(currency, _EXPONENT_DEFAULT)


def is_currency(code: str) -> bool:
    """Tell whether this looks like an ISO 4217 code; three capital letters."""
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def round_half_up(numerator: int, denominator: int) -> int:
    """Return the nearest whole number; a half goes away from zero, so that a credit mirrors its charge."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in whole minor units: `Money(123456, "EUR")` is 1,234.56 euros."""

    cents: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} + {other.currency}")
        return Money(self.cents + other.cents, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.cents, self.currency)

    def __sub__(self, other: Money) -> Money:
        return self + -other

    @property
    def major(self) -> Decimal:
        """Return the exact major units, for display only."""
        return Decimal(self.cents).scaleb(-exponent_of(self.currency))
