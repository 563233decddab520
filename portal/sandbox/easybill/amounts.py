"""Sums as EasyBill forms them: lines keep fractions of a cent, a document's totals are rounded once."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from portal.sandbox.easybill.wire import Body, not_offered

# A net price derived from a gross one rarely ends; ten decimals of a cent are beyond any invoice.
_DERIVED = Decimal("0.0000000001")
_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


def whole_cents(cents: Decimal) -> int:
    """Half up, away from zero for a negative amount."""
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))


def with_sums(item: Body, *, is_gross: bool) -> Body:
    """The position with its single and total prices, in cents and fractions of cents."""
    if item["type"] == "TEXT":
        return item
    rate = _decimal(item["vat_percent"])
    net, gross = _both(item["single_price_net"], item["single_price_gross"], rate, is_gross=is_gross)
    quantity = _decimal(item["quantity"])
    total_net = _discounted(item, quantity * net)
    total_gross = _discounted(item, quantity * gross)
    return {
        **item,
        "single_price_net": net,
        "single_price_gross": gross,
        "total_price_net": total_net,
        "total_vat": total_gross - total_net,
        "total_price_gross": total_gross,
    }


def _both(
    net: int | Decimal | None, gross: int | Decimal | None, rate: Decimal, *, is_gross: bool
) -> tuple[Decimal, Decimal]:
    if gross is not None and (is_gross or net is None):
        return (_decimal(gross) * _HUNDRED / (_HUNDRED + rate)).quantize(_DERIVED), _decimal(gross)
    return _decimal(net), _decimal(net) * (_HUNDRED + rate) / _HUNDRED


def _decimal(value: int | Decimal | None) -> Decimal:
    return _ZERO if value is None else Decimal(value)


def _discounted(item: Body, total: Decimal) -> Decimal:
    discount = _decimal(item["discount"])
    if not discount:
        return total
    if item["discount_type"] == "PERCENT":
        return total * (_HUNDRED - discount) / _HUNDRED
    if item["discount_type"] == "AMOUNT":
        return total - discount
    raise not_offered(f"a position's discount_type {item['discount_type']}")


def totals(document: Body) -> tuple[int, int]:
    """Net and gross in whole cents, each the exact sum of its lines, rounded once."""
    lines = _counted(document["items"])
    net = sum((item["total_price_net"] for item in lines), _ZERO)
    gross = sum((item["total_price_gross"] for item in lines), _ZERO)
    share = _share_left(document, gross if document["calc_vat_from"] else net)
    return whole_cents(net * share), whole_cents(gross * share)


def _share_left(document: Body, total: Decimal) -> Decimal:
    """The part of every line that the document's own discount leaves."""
    discount = Decimal(document["discount"] or 0)
    if not discount or not total:
        return Decimal(1)
    if document["discount_type"] == "AMOUNT":
        return (total - discount) / total
    return (_HUNDRED - discount) / _HUNDRED


def net_of_lines(items: Iterable[Body]) -> int:
    """The lines in whole cents, before a discount on the whole document."""
    return whole_cents(sum((item["total_price_net"] for item in _counted(items)), _ZERO))


def vat_by_rate(document: Body, items: Sequence[Body]) -> dict[Decimal, tuple[int, int]]:
    """Net and VAT in whole cents for each rate of these lines, highest first, adding up to the totals.

    Rates rounded one by one may miss totals that are rounded once, so the first takes the rest.
    """
    before_discount = net_of_lines(items)
    share = Decimal(1)
    if before_discount and before_discount != document["amount_net"]:
        share = Decimal(document["amount_net"]) / before_discount
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for item in _counted(items):
        net, vat = sums.get(rate := Decimal(item["vat_percent"]), (_ZERO, _ZERO))
        sums[rate] = (net + item["total_price_net"] * share, vat + item["total_vat"] * share)
    rounded = {rate: (whole_cents(net), whole_cents(vat)) for rate, (net, vat) in sums.items()}
    return _adding_up(document, dict(sorted(rounded.items(), reverse=True)))


def _adding_up(document: Body, by_rate: dict[Decimal, tuple[int, int]]) -> dict[Decimal, tuple[int, int]]:
    if not by_rate:
        return by_rate
    first = next(iter(by_rate))
    net, vat = by_rate[first]
    missing_net = document["amount_net"] - sum(each for each, _ in by_rate.values())
    missing_vat = document["amount"] - document["amount_net"] - sum(each for _, each in by_rate.values())
    return {**by_rate, first: (net + missing_net, vat + missing_vat)}


def _counted(items: Iterable[Body]) -> list[Body]:
    return [item for item in items if item["type"] == "POSITION"]
