"""Proves the bill: every final invoice is computed anew from the hours and the late usage, and so is its VAT.

It shares the arithmetic with the rest, but none of the queries. It yields a sentence for each difference;
none means that what was metered is what was billed, is still open, or waits for the next invoice, and that
the schema, whose triggers keep it so, is what the migrations make.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from sqlalchemy import ColumnElement, Integer, func, literal_column, null, select
from sqlalchemy.orm import InstrumentedAttribute

from portal.closing.verify_schema import schema_faults
from portal.closing.verify_vat import vat_differences
from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import NANO, RatedLine, pico_of, quantity_of
from portal.domain.vat import VatRules
from portal.ledger.audit_chain import Head, broken_chains
from portal.ledger.prices import prices_for
from portal.models import (
    Invoice,
    InvoiceItem,
    ItemKind,
    Organization,
    Subscription,
    UsageCorrection,
    UsageDay,
    UsageHour,
)
from portal.storage import db

_SLICE = 200


class _Line(NamedTuple):
    organization_id: int
    project_id: int | None
    product_id: int
    price_pico: int


class _Amount(NamedTuple):
    quantity_nano: int
    cents: int


_OWN = 0  # the batch of a month's own usage; that of what came late is the id of its invoice, from 1 on
_Bills = dict[tuple[int, _Line], _Amount]  # (invoice id, line) -> what it says


def verify(*, vat_rules: VatRules, logged: Mapping[str, Sequence[Head]] | None = None) -> Iterator[str]:
    """Yield a sentence for each difference, with `logged`, the heads that a log kept, of audit trails too."""
    yield from schema_faults()
    yield from _days_and_hours()
    yield from _usage_of_nobody()
    for period in db.session.scalars(select(Invoice.period).distinct().order_by(Invoice.period)).all():
        query = select(Invoice.organization_id).where(Invoice.period == period)
        organization_ids = db.session.scalars(query.order_by(Invoice.organization_id)).all()
        for start in range(0, len(organization_ids), _SLICE):
            yield from _month(Month.parse(period), organization_ids[start : start + _SLICE])
    yield from _sums()
    yield from _numbers()
    yield from vat_differences(vat_rules)
    yield from broken_chains(logged)


def _days_and_hours() -> Iterator[str]:
    hours = (
        select(
            UsageHour.organization_id,
            (UsageHour.hour // HOURS_A_DAY).label("day"),
            UsageHour.subscription_id,
            func.sum(UsageHour.quantity_nano).label("quantity_nano"),
        )
        .group_by(UsageHour.organization_id, "day", UsageHour.subscription_id)
        .subquery()
    )
    same_key = (
        (hours.c.organization_id == UsageDay.organization_id)
        & (hours.c.day == UsageDay.day)
        & (hours.c.subscription_id == UsageDay.subscription_id)
    )
    columns = hours.c.organization_id, hours.c.day, hours.c.subscription_id, hours.c.quantity_nano
    query = (
        select(*columns, UsageDay.quantity_nano)
        .join(UsageDay, same_key, isouter=True)
        .where(UsageDay.quantity_nano.is_(None) | (UsageDay.quantity_nano != hours.c.quantity_nano))
    )
    without_hours = (
        select(
            UsageDay.organization_id, UsageDay.day, UsageDay.subscription_id, null(), UsageDay.quantity_nano
        )
        .join(hours, same_key, isouter=True)
        .where(hours.c.day.is_(None), UsageDay.quantity_nano != 0)
    )
    rows = chain(db.session.execute(query), db.session.execute(without_hours))
    for organization_id, day, subscription, of_hours, of_day in rows:
        hourly = (
            "there are no hours" if of_hours is None else f"the hours have {quantity_of(int(of_hours)):f}"
        )
        yield (
            f"organization {organization_id}, subscription {subscription}, day {day}: {hourly},"
            f" the day has {quantity_of(of_day or 0):f}"
        )


def _usage_of_nobody() -> Iterator[str]:
    query = (
        select(UsageDay.organization_id, UsageDay.subscription_id)
        .join(Subscription, _is_subscription_of(UsageDay), isouter=True)
        .where(Subscription.id.is_(None))
        .distinct()
    )
    for organization_id, subscription in db.session.execute(query):
        yield f"organization {organization_id}: usage of subscription {subscription}, which does not exist"


def _is_subscription_of(usage: type[UsageDay | UsageHour | UsageCorrection]) -> ColumnElement[bool]:
    return (Subscription.organization_id == usage.organization_id) & (
        Subscription.id == usage.subscription_id
    )


def _month(month: Month, organization_ids: Sequence[int]) -> Iterator[str]:
    """Compare a month of some organizations, and everything later that corrects it, line by line."""
    query = select(Invoice.organization_id, Invoice.id, Organization.currency).join(Organization)
    own = Invoice.organization_id.in_(organization_ids) & (Invoice.period == str(month))
    rows = db.session.execute(query.where(own)).all()
    invoices = {organization_id: invoice_id for organization_id, invoice_id, _ in rows}
    currencies = {organization_id: currency for organization_id, _, currency in rows}
    usage: _Bills = {}
    corrections: _Bills = {}
    for line, batches in _metered(month, currencies).items():
        rated = RatedLine(line.price_pico, currencies[line.organization_id])
        used_nano = 0
        for batch in sorted(batches):
            amount = _billed(rated, used_nano, batches[batch])
            used_nano += amount.quantity_nano
            if batch != _OWN:
                corrections[batch, line] = amount
            elif amount.quantity_nano:
                usage[invoices[line.organization_id], line] = amount
    yield from _differences(month, usage, _items(month, organization_ids, ItemKind.USAGE))
    actual = _items(month, organization_ids, ItemKind.CORRECTION)
    listed = {key: amount for key, amount in corrections.items() if key in actual or amount != (0, 0)}
    yield from _differences(month, listed, actual)


def _billed(rated: RatedLine, before_nano: int, quantity_nano: int) -> _Amount:
    # Less usage than none has no amount: its quantity says so.
    before, after = (
        rated.cumulative_amount(max(0, nano)) for nano in (before_nano, before_nano + quantity_nano)
    )
    return _Amount(quantity_nano, after - before)


def _metered(month: Month, currencies: Mapping[int, str]) -> Mapping[_Line, Counter[int]]:
    """Sum the hours of a month, never the days, and what came late and was billed: by line and batch."""
    prices = prices_for(list(currencies), set(currencies.values()))
    own, late = literal_column(str(_OWN), Integer), UsageCorrection
    sums: dict[_Line, Counter[int]] = defaultdict(Counter)
    for (organization_id, project_id, product_id), day, batch, quantity_nano in chain(
        _sums_by_day(UsageHour, own, UsageHour.quantity_nano, month, list(currencies)),
        _sums_by_day(late, late.invoice_id, late.delta_nano, month, list(currencies)),
    ):
        pico = prices.pico(product_id, currencies[organization_id], day)
        if batch is not None:  # else it waits for the next invoice
            sums[_Line(organization_id, project_id, product_id, pico)][batch] += quantity_nano
    return sums


def _sums_by_day(
    usage: type[UsageHour | UsageCorrection],
    batch: ColumnElement[int] | InstrumentedAttribute[int | None],
    nano: InstrumentedAttribute[int],
    month: Month,
    organization_ids: Sequence[int],
) -> Iterator[tuple[tuple[int, int | None, int], int, int | None, int]]:
    """Yield ((organization, project, product), day, batch, nano-units); SQL sums in two limbs."""
    parts = usage.organization_id, Subscription.project_id, Subscription.product_id
    day = (usage.hour // HOURS_A_DAY).label("day")
    query = (
        select(*parts, day, batch.label("batch"), func.sum(nano // NANO), func.sum(nano % NANO))
        .join(Subscription, _is_subscription_of(usage))
        .where(
            usage.organization_id.in_(organization_ids),
            usage.hour >= month.start_hour,
            usage.hour < month.end_hour,
        )
        .group_by(*parts, "day", "batch")
    )
    for organization_id, project_id, product_id, on_day, of_batch, high, low in db.session.execute(query):
        yield (organization_id, project_id, product_id), on_day, of_batch, int(high) * NANO + int(low)


def _items(month: Month, organization_ids: Sequence[int], kind: ItemKind) -> _Bills:
    """Return what the invoices say about a month."""
    query = select(InvoiceItem).where(
        InvoiceItem.organization_id.in_(organization_ids), InvoiceItem.kind == kind
    )
    if kind is ItemKind.CORRECTION:
        query = query.where(InvoiceItem.corrects_period == str(month))
    else:
        query = query.join(Invoice).where(Invoice.period == str(month))
    bills: _Bills = {}
    for item in db.session.scalars(query):
        line = _Line(item.organization_id, item.project_id, item.product_id, pico_of(item.unit_price))
        bills[item.invoice_id, line] = _Amount(item.quantity_nano, item.total_cents)
    return bills


def _differences(month: Month, expected: _Bills, actual: _Bills) -> Iterator[str]:
    nothing = _Amount(0, 0)
    for key in sorted(expected.keys() | actual.keys(), key=str):
        ours, theirs = expected.get(key, nothing), actual.get(key, nothing)
        if ours != theirs or (key in actual) != (key in expected):
            invoice_id, line = key
            yield (
                f"organization {line.organization_id}, invoice {invoice_id}, month {month}, project"
                f" {line.project_id}, product {line.product_id}: metered {quantity_of(ours.quantity_nano):f}"
                f" for {ours.cents}, billed {quantity_of(theirs.quantity_nano):f} for {theirs.cents}"
            )


def _sums() -> Iterator[str]:
    items = (
        select(
            InvoiceItem.organization_id,
            InvoiceItem.invoice_id,
            func.sum(InvoiceItem.total_cents).label("cents"),
        )
        .group_by(InvoiceItem.organization_id, InvoiceItem.invoice_id)
        .subquery()
    )
    query = select(Invoice.organization_id, Invoice.number, Invoice.total_cents, items.c.cents).join(
        items,
        (items.c.organization_id == Invoice.organization_id) & (items.c.invoice_id == Invoice.id),
        isouter=True,
    )
    for organization_id, number, total, cents in db.session.execute(query):
        if total != int(cents or 0):
            yield (
                f"organization {organization_id}, invoice {number}: its lines add up to {cents},"
                f" it says {total}"
            )


def _numbers() -> Iterator[str]:
    numbers: dict[int, list[int]] = defaultdict(list)
    query = select(Invoice.organization_id, Invoice.number).order_by(Invoice.organization_id, Invoice.id)
    for organization_id, number in db.session.execute(query):
        numbers[organization_id].append(int(number.rpartition("-")[2]))
    for organization_id, drawn in numbers.items():
        if drawn != list(range(1, len(drawn) + 1)):
            yield (
                f"organization {organization_id}: the numbers of its invoices have a gap or a repetition:"
                f" {drawn}"
            )
