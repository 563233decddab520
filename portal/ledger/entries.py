"""The one way usage is written: hourly entries go in, the touched days are summed anew, in one transaction.

Delivering an entry again changes nothing; another quantity replaces it while its month is open. The
hours of an invoiced month are frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import ENTRY_MAX_NANO
from portal.extensions import db
from portal.models import Invoice, UsageDay, UsageHour
from portal.models.owned import lock

USAGE_LOCK = "usage"  # held by whoever writes hours or closes a month of an organization
_BATCH = 20_000


class Entry(NamedTuple):
    """What a subscription used in an hour, in nano-units."""

    hour: int
    subscription_id: int
    quantity_nano: int


@dataclass(slots=True)
class Written:
    """What became of the entries of a delivery."""

    new: int = 0
    same: int = 0
    replaced: int = 0
    frozen: list[Entry] = field(default_factory=list)  # differ from what was invoiced; nothing was changed


def write_entries(organization_id: int, entries: Iterable[Entry]) -> Written:
    """Write entries of one organization, at most one for each hour and subscription.

    Sorted by hour they are read and written in the order of the table. The caller commits.
    """
    lock(organization_id, USAGE_LOCK)
    written = Written()
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        _write_batch(organization_id, batch, written)
    return written


def _write_batch(organization_id: int, batch: Sequence[Entry], written: Written) -> None:
    start, end = min(batch).hour, max(batch).hour + 1
    known = _known(organization_id, start, end)
    frozen_months = _invoiced_months(organization_id, start, end)
    rows = []
    for entry in batch:
        assert 0 <= entry.quantity_nano <= ENTRY_MAX_NANO, "a quantity is checked where it enters"
        quantity, revision = known.get((entry.hour, entry.subscription_id), (None, -1))
        if quantity == entry.quantity_nano:
            written.same += 1
        elif frozen_months and Month.of_day(entry.hour // HOURS_A_DAY) in frozen_months:
            written.frozen.append(entry)
        else:
            written.new += quantity is None
            written.replaced += quantity is not None
            rows.append(
                {
                    "organization_id": organization_id,
                    "hour": entry.hour,
                    "subscription_id": entry.subscription_id,
                    "revision": revision + 1,
                    "quantity": entry.quantity_nano,
                }
            )
    if rows:
        _upsert(rows, replaces=bool(written.replaced))
        _sum_days(organization_id, sorted({row["hour"] // HOURS_A_DAY for row in rows}))


def _known(organization_id: int, start_hour: int, end_hour: int) -> dict[tuple[int, int], tuple[int, int]]:
    query = select(UsageHour.hour, UsageHour.subscription_id, UsageHour.quantity, UsageHour.revision).where(
        UsageHour.organization_id == organization_id, UsageHour.hour >= start_hour, UsageHour.hour < end_hour
    )
    return {(hour, subscription): (nano, rev) for hour, subscription, nano, rev in db.session.execute(query)}


def _invoiced_months(organization_id: int, start_hour: int, end_hour: int) -> set[Month]:
    first, last = Month.of_day(start_hour // HOURS_A_DAY), Month.of_day((end_hour - 1) // HOURS_A_DAY)
    query = select(Invoice.period).where(
        Invoice.organization_id == organization_id, Invoice.period.between(str(first), str(last))
    )
    return {Month.parse(period) for period in db.session.scalars(query)}


def _upsert(rows: list[dict[str, int]], *, replaces: bool) -> None:
    if not replaces:
        db.session.execute(insert(UsageHour), rows)
        return
    dialect = db.session.get_bind().dialect.name
    fresh = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(UsageHour)
    upsert = fresh.on_conflict_do_update(
        index_elements=[UsageHour.organization_id, UsageHour.hour, UsageHour.subscription_id],
        set_={"quantity": fresh.excluded.quantity, "revision": fresh.excluded.revision},
    )
    db.session.execute(upsert, rows)


def _sum_days(organization_id: int, days: Sequence[int]) -> None:
    """Recompute the sums of these days from their hours, in SQL that both databases understand."""
    for start, end in _runs(days):
        _sum_run(organization_id, start, end)


def _runs(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield neighbouring days as half-open runs."""
    start = end = days[0]
    for day in days:
        if day > end:
            yield start, end
            start = day
        end = day + 1
    yield start, end


def _sum_run(organization_id: int, start_day: int, end_day: int) -> None:
    sums = (
        select(
            UsageHour.organization_id,
            (UsageHour.hour // HOURS_A_DAY).label("day"),
            UsageHour.subscription_id,
            func.sum(UsageHour.quantity),
        )
        .where(
            UsageHour.organization_id == organization_id,
            UsageHour.hour >= start_day * HOURS_A_DAY,
            UsageHour.hour < end_day * HOURS_A_DAY,
        )
        .group_by("organization_id", "day", "subscription_id")
    )
    dialect = db.session.get_bind().dialect.name
    fresh = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(UsageDay)
    columns = [UsageDay.organization_id, UsageDay.day, UsageDay.subscription_id]
    upsert = fresh.from_select([*columns, UsageDay.quantity], sums).on_conflict_do_update(
        index_elements=columns, set_={"quantity": fresh.excluded.quantity}
    )
    db.session.execute(upsert)
