"""Usage made up by arithmetic: the same hour always has the same usage, with weekdays, nights and growth."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from portal.domain.period import HOURS_A_DAY
from portal.domain.rating import NANO
from portal.ledger.entries import Entry

_THOUSAND = 1000
_THURSDAY = 3  # the epoch's weekday, counted from Monday
_WEEKEND = 5
# per mille of the base, by hour of the day in UTC
_DAY_CURVE = (
    *(310, 270, 250, 240, 260, 340, 520, 760, 980, 1120, 1180, 1200),
    *(1150, 1190, 1210, 1180, 1120, 1040, 900, 780, 660, 560, 460, 380),
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """How something is used: `base` in thousandths of a unit an hour, growth in per mille a month."""

    base: int
    growth: int = 0
    is_steady: bool = False  # stored things do not sleep


def entries(
    pattern: Pattern, subscription_id: int, start_hour: int, end_hour: int, born: int
) -> Iterator[Entry]:
    """Yield an entry for each hour; `born` is the hour from which growth counts."""
    for hour in range(start_hour, end_hour):
        yield Entry(hour, subscription_id, _quantity(pattern, subscription_id, hour, born))


def _quantity(pattern: Pattern, salt: int, hour: int, born: int) -> int:
    months_passed = (hour - born) * _THOUSAND // (30 * HOURS_A_DAY)
    grown = pattern.base * (_THOUSAND * _THOUSAND + pattern.growth * months_passed) // (_THOUSAND * _THOUSAND)
    curve = _THOUSAND if pattern.is_steady else _curve(hour)
    noise = 940 + _chance(salt, hour) % 121
    milli_units = grown * curve * noise // (_THOUSAND * _THOUSAND)
    return milli_units * (NANO // _THOUSAND)


def _curve(hour: int) -> int:
    day, of_day = divmod(hour, HOURS_A_DAY)
    is_weekend = (day + _THURSDAY) % 7 >= _WEEKEND
    weight = 550 if is_weekend else _THOUSAND
    return _DAY_CURVE[of_day] * weight // _THOUSAND


def _chance(salt: int, hour: int) -> int:
    """Return a number that looks random and never changes; a hash is the same everywhere."""
    return int.from_bytes(hashlib.blake2s(f"{salt}/{hour}".encode(), digest_size=4).digest(), "big")
