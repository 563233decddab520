"""The prices of products by day: a day has one price, and a price row holds until the next one's."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import BigInteger, bindparam, select, type_coerce

from portal.domain.errors import ConflictError
from portal.models import Price, Product, ProductName, Subscription
from portal.storage import db


class UnpricedError(ConflictError):
    """Something was used that had no price on that day. The provider has to set one."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """(product, currency) -> start days, ascending, and the price in pico-units from each on.

    `products` are the names of all that have a price.
    """

    starts: Mapping[tuple[int, str], Sequence[int]]
    picos: Mapping[tuple[int, str], Sequence[int]]
    products: Mapping[int, ProductName]

    def pico(self, product_id: int, currency: str, day: int) -> int:
        """Return the price of a product on a day, in pico-units of the currency's major unit."""
        key = (product_id, currency)
        index = bisect_right(self.starts.get(key, ()), day)
        if index == 0:
            raise UnpricedError
        return self.picos[key][index - 1]

    def segments(self, start_day: int, end_day: int) -> Iterator[tuple[int, int]]:
        """Yield half-open runs of days within which no price changes."""
        changes = {day for days in self.starts.values() for day in days if start_day < day < end_day}
        edges = [start_day, *sorted(changes), end_day]
        yield from pairwise(edges)


def prices_for(organization_ids: Collection[int], currencies: Collection[str]) -> PriceBook:
    """Read the prices and names of all that these organizations ever subscribed to."""
    starts: dict[tuple[int, str], list[int]] = defaultdict(list)
    picos: dict[tuple[int, str], list[int]] = defaultdict(list)
    products: dict[int, ProductName] = {}
    parameters = {"organization_ids": list(organization_ids), "currencies": list(currencies)}
    for product_id, currency, start_day, pico, *name in db.session.execute(_PRICES, parameters):
        starts[product_id, currency].append(start_day)
        picos[product_id, currency].append(pico)
        products[product_id] = ProductName(product_id, *name)
    return PriceBook(starts, picos, products)


_prices, _products, _subscriptions = (model.__table__.c for model in (Price, Product, Subscription))
_PRICES = (
    select(
        _prices.product_id,
        _prices.currency,
        _prices.start_day,
        type_coerce(_prices.unit_price, BigInteger),  # as it is kept: pico-units
        _products.uid,
        _products.name,
        _products.unit,
    )
    .join_from(Price.__table__, Product.__table__, _products.id == _prices.product_id)
    .where(
        _prices.currency.in_(bindparam("currencies", expanding=True)),
        _prices.product_id.in_(
            select(_subscriptions.product_id).where(
                _subscriptions.organization_id.in_(bindparam("organization_ids", expanding=True))
            )
        ),
    )
    .order_by(_prices.product_id, _prices.currency, _prices.start_day)
)
