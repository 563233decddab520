"""The one way usage is written: deliveries go in, day sums and corrections follow, in one transaction.

An entry is (subscription, hour) -> quantity with a revision. The higher revision counts; the same one
with the same quantity changes nothing, with another quantity it is a conflict; a lower one is stale. So
no order or repetition of deliveries changes a bill. The hours of an invoiced month are frozen: what
differs from them becomes a correction, a row of its own.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import insert

from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import ENTRY_MAX_NANO
from portal.ledger import usage_rows
from portal.ledger.usage_rows import Key, Known, Row
from portal.models import UsageCorrection, draw
from portal.storage.database import db

_BATCH = 20_000
_NOTHING = Known(0, -1)


class Entry(NamedTuple):
    """What a subscription used in an hour, in nano-units.

    Without a revision the delivery is believed: another quantity counts as one revision more.
    """

    hour: int
    subscription_id: int
    quantity_nano: int
    revision: int | None = None


@dataclass(slots=True)
class Written:
    """What became of the entries of a delivery. Where there are conflicts, nothing may be kept."""

    new: int = 0
    same: int = 0
    replaced: int = 0
    corrections: int = 0
    stale: int = 0
    conflicts: list[Key] = field(default_factory=list)


class _Batch(NamedTuple):
    """What a batch of entries changes."""

    hours: list[Row]
    day_changes: dict[Key, int]
    corrections: list[Row]


def write_entries(organization_id: int, entries: Iterable[Entry], *, now: dt.datetime) -> Written:
    """Write entries of one organization; see `deliver`."""
    return deliver(((organization_id, entry) for entry in entries), now=now)


def deliver(entries: Iterable[tuple[int, Entry]], *, now: dt.datetime) -> Written:
    """Write (organization id, entry), at most one for each organization, hour and subscription.

    Sorted so they meet the tables in their order. The caller commits, or rolls back on conflicts.
    """
    written = Written()
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        _write_batch(batch, written, now)
    return written


def _write_batch(batch: Sequence[tuple[int, Entry]], written: Written, now: dt.datetime) -> None:
    entries = {Key(owner, entry.hour, entry.subscription_id): entry for owner, entry in batch}
    assert len(entries) == len(batch), "a key comes once in a delivery"
    usage_rows.lock(sorted({key.organization_id for key in entries}))
    known = usage_rows.known(list(entries))
    frozen = _frozen_keys(entries)
    if frozen:
        known |= usage_rows.with_corrections(list(frozen), known)
    changes = _judged(entries, known, frozen, written)
    if not written.conflicts:
        usage_rows.upsert(changes.hours)
        usage_rows.add_to_days(changes.day_changes)
        _append_corrections(changes.corrections, now)


def _frozen_keys(entries: Mapping[Key, Entry]) -> set[Key]:
    """Return the keys whose month is invoiced."""
    months = {day: Month.of_day(day) for day in {key.hour // HOURS_A_DAY for key in entries}}
    frozen = usage_rows.frozen_months({key.organization_id for key in entries}, set(months.values()))
    if not frozen:
        return set()
    return {key for key in entries if (key.organization_id, months[key.hour // HOURS_A_DAY]) in frozen}


def _judged(
    entries: Mapping[Key, Entry], known: Mapping[Key, Known], frozen: set[Key], written: Written
) -> _Batch:
    changes = _Batch([], {}, [])
    for key, entry in entries.items():
        quantity = entry.quantity_nano
        assert 0 <= quantity <= ENTRY_MAX_NANO, "a quantity is checked where it enters"
        before = known.get(key)
        revision = _revision_to_write(key, entry, before, written)
        if revision is None:
            continue
        delta = quantity - (before or _NOTHING).quantity_nano
        if key in frozen:
            changes.corrections.append(Row(key, revision, delta))
            written.corrections += bool(delta)
            written.same += not delta
            continue
        changes.hours.append(Row(key, revision, quantity))
        written.new += before is None
        written.same += before is not None and not delta
        written.replaced += before is not None and bool(delta)
        if delta or before is None:
            changes.day_changes[key] = delta
    return changes


def _revision_to_write(key: Key, entry: Entry, before: Known | None, written: Written) -> int | None:
    """Return the revision that an entry is written with, or None where nothing has to be written."""
    if before is None:
        return entry.revision or 0
    is_same = before.quantity_nano == entry.quantity_nano
    if entry.revision is None:
        written.same += is_same
        return None if is_same else before.revision + 1
    if entry.revision > before.revision:
        return entry.revision
    if entry.revision < before.revision:
        written.stale += 1
    elif is_same:
        written.same += 1
    else:
        written.conflicts.append(key)
    return None


def _append_corrections(rows: Sequence[Row], now: dt.datetime) -> None:
    by_owner: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_owner[row.key.organization_id].append(row)
    for owner, some in by_owner.items():
        ids = draw(owner, UsageCorrection.__tablename__, len(some))
        db.session.execute(insert(UsageCorrection), list(_correction_values(ids, some, now)))


def _correction_values(
    ids: Sequence[int], rows: Sequence[Row], now: dt.datetime
) -> Iterator[dict[str, object]]:
    for correction_id, row in zip(ids, rows, strict=True):
        yield {
            "organization_id": row.key.organization_id,
            "id": correction_id,
            "uid": uuid4(),
            "hour": row.key.hour,
            "subscription_id": row.key.subscription_id,
            "revision": row.revision,
            "delta_nano": row.quantity_nano,
            "arrived_at": now,
        }
