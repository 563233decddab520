"""Exact money: whole minor units of one currency. No float ever enters this file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from portal.domain.currencies import EXPONENTS

_EXPONENT_DEFAULT = 2  # of a stored currency that ISO no longer lists
AMOUNT_MAX_MINOR = 2**53 - 1  # beyond it a JSON reader in JavaScript loses cents


class CurrencyMismatchError(TypeError):
    """Two currencies met in one sum: a mistake of ours, never of a customer."""


def exponent_of(currency: str) -> int:
    """Return how many decimals the minor unit of an ISO 4217 currency has: EUR 2, JPY 0, KWD 3."""
    return EXPONENTS.get(currency, _EXPONENT_DEFAULT)


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
