"""The cost of a part of a line's usage, in whole minor units: the only rounding of usage.

A line is one (month, project, product, unit price). Its usage counts in one order, hour by hour, and any
part of it costs what the rounded cumulative amount grew by. So windows that tile a month add up to it,
hours add up to days, and later usage never moves a past amount.

Units: quantities in nano-units (1e-9 of the product's unit), prices in pico-units (1e-12 of the major
currency unit), amounts in the currency's minor unit. Whole numbers only: Decimal multiplies at 28
digits unless told otherwise, which is not exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact
from functools import cache, lru_cache
from itertools import accumulate, pairwise

from portal.domain.money import exponent_of, round_half_up

NANO_DECIMALS = 9
PICO_DECIMALS = 12
NANO: int = 10**NANO_DECIMALS
ENTRY_MAX_NANO = 10**7 * NANO  # so that a 31-day month of one subscription fits 64 bits
PRICE_MAX_PICO = 2**63 - 1  # 9,223,372.03… major units: the largest that a 64-bit column holds
_EXACT = Context(prec=60, traps=[Inexact])
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)
_ONE_NANO = Decimal(1).scaleb(-NANO_DECIMALS)


def pico_of(price: Decimal) -> int:
    """Return a price in major units as pico-units; `Inexact` if it is finer than 12 decimals."""
    return int(_EXACT.quantize(price.scaleb(PICO_DECIMALS, _EXACT), Decimal(1)))


@lru_cache(maxsize=4096)
def price_of(pico: int) -> Decimal:
    """Return pico-units as a price in major units, without trailing zeros."""
    return plain(pico, PICO_DECIMALS)


def nano_of(quantity: Decimal) -> tuple[int, bool]:
    """Return a quantity in nano-units, rounded half up, and whether the rounding changed it."""
    rounded = quantity.quantize(_ONE_NANO, context=_ROUNDING)  # once: scaling first would round twice
    return int(rounded.scaleb(NANO_DECIMALS, _ROUNDING)), rounded != quantity


def quantity_of(nano: int) -> Decimal:
    """Return nano-units as a quantity in the product's unit, without trailing zeros."""
    return plain(nano, NANO_DECIMALS)


def plain(scaled: int, decimals: int) -> Decimal:
    """Return `scaled` divided by ten to the `decimals`, exactly, never in exponent form."""
    whole, fraction = divmod(abs(scaled), 10**decimals)
    digits = f"{fraction:0{decimals}d}".rstrip("0")
    sign = "-" if scaled < 0 else ""
    return Decimal(f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}")


@cache
def _scale(currency: str) -> int:
    return int(10 ** (NANO_DECIMALS + PICO_DECIMALS - exponent_of(currency)))


@dataclass(frozen=True, slots=True)
class RatedLine:
    """Turns the quantity of one line into money."""

    price_pico: int
    currency: str

    def __post_init__(self) -> None:
        assert 0 <= self.price_pico <= PRICE_MAX_PICO, "a price is checked where it enters"

    @property
    def scale(self) -> int:
        """How many nano-units times pico-units make one minor unit."""
        return _scale(self.currency)

    def exact(self, quantity_nano: int) -> Decimal:
        """Return the unrounded major units, for display: these add up in every direction."""
        return plain(quantity_nano * self.price_pico, NANO_DECIMALS + PICO_DECIMALS)

    def cumulative_amount(self, quantity_nano: int) -> int:
        """Return the minor units of all usage of the line up to a quantity."""
        assert quantity_nano >= 0, "the usage of a line is never negative"
        return round_half_up(quantity_nano * self.price_pico, self.scale)

    def cost(self, quantity_before_nano: int, quantity_nano: int) -> int:
        """Return the minor units of usage that comes after earlier usage; negative for a credit."""
        after = self.cumulative_amount(quantity_before_nano + quantity_nano)
        return after - self.cumulative_amount(quantity_before_nano)

    def series(self, quantity_before_nano: int, quantities_nano: Iterable[int]) -> list[int]:
        """Return the minor units of consecutive quantities. They add up to the cost of their sum."""
        price, scale = self.price_pico, self.scale
        cumulative_nano = list(accumulate(quantities_nano, initial=quantity_before_nano))
        assert min(cumulative_nano) >= 0, "the usage of a line is never negative"
        amounts = [round_half_up(nano * price, scale) for nano in cumulative_nano]
        return [after - before for before, after in pairwise(amounts)]
