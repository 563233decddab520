"""The prices of a currency by day: a day has one price, and a price row holds until the next one's."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import bindparam, select

from portal.domain.errors import ConflictError
from portal.domain.rating import pico_of
from portal.extensions import db
from portal.models import Price, Subscription


class UnpricedError(ConflictError):
    """Something was used that had no price on that day. The provider has to set one."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """(product, currency) -> start days, ascending, and the price in pico-units from each on."""

    starts: Mapping[tuple[int, str], Sequence[int]]
    picos: Mapping[tuple[int, str], Sequence[int]]

    def pico(self, product_id: int, currency: str, day: int) -> int:
        """Return the price of a product on a day, in pico-units of the currency's major unit."""
        key = (product_id, currency)
        place = bisect_right(self.starts.get(key, ()), day)
        if place == 0:
            raise UnpricedError
        return self.picos[key][place - 1]

    def segments(self, start_day: int, end_day: int) -> Iterator[tuple[int, int]]:
        """Yield half-open runs of days within which no price changes."""
        changes = {day for days in self.starts.values() for day in days if start_day < day < end_day}
        edges = [start_day, *sorted(changes), end_day]
        yield from pairwise(edges)


def prices_for(organization_ids: Collection[int], currencies: Collection[str]) -> PriceBook:
    """Read the prices of all that these organizations ever subscribed to."""
    starts: dict[tuple[int, str], list[int]] = defaultdict(list)
    picos: dict[tuple[int, str], list[int]] = defaultdict(list)
    asked = {"owners": list(organization_ids), "currencies": list(currencies)}
    for product_id, currency, start_day, unit_price in db.session.execute(_PRICES, asked):
        starts[product_id, currency].append(start_day)
        picos[product_id, currency].append(pico_of(unit_price))
    return PriceBook(starts, picos)


_prices, _subscriptions = Price.__table__.c, Subscription.__table__.c
_PRICES = (
    select(_prices.product_id, _prices.currency, _prices.start_day, _prices.unit_price)
    .where(
        _prices.currency.in_(bindparam("currencies", expanding=True)),
        _prices.product_id.in_(
            select(_subscriptions.product_id).where(
                _subscriptions.organization_id.in_(bindparam("owners", expanding=True))
            )
        ),
    )
    .order_by(_prices.product_id, _prices.currency, _prices.start_day)
)
