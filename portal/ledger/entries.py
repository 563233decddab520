"""The one way usage is written: deliveries go in, day sums and corrections follow, in one transaction.

An entry is (subscription, hour) -> quantity with a revision. The higher revision counts; the same one
with the same quantity changes nothing, with another quantity it is a conflict; a lower one is stale. So
no order or repetition of deliveries changes a bill. The hours of an invoiced month are frozen: a
difference from them becomes a correction, a row of its own.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import insert

from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import ENTRY_MAX_NANO
from portal.ledger import usage_rows
from portal.ledger.usage_rows import NO_ENTRY, AcceptedEntry, Correction, CurrentEntry, Key
from portal.models import UsageCorrection, draw_each
from portal.storage import db

_BATCH = 20_000


class Entry(NamedTuple):
    """A subscription's usage in an hour, in nano-units.

    Without a revision the delivery is believed: another quantity counts as one revision more.
    """

    hour: int
    subscription_id: int
    quantity_nano: int
    revision: int | None = None


@dataclass(slots=True)
class Written:
    """The outcome of a delivery's entries. Where there are conflicts, nothing may be kept."""

    new: int = 0
    same: int = 0
    replaced: int = 0
    corrections: int = 0
    stale: int = 0
    conflicts: list[Key] = field(default_factory=list)


class OrganizationEntry(NamedTuple):
    """An entry with the organization whose subscription it is of."""

    organization_id: int
    entry: Entry


class _Changes(NamedTuple):
    """The changes of a batch of entries."""

    entries: list[AcceptedEntry]
    day_deltas_nano: dict[Key, int]
    corrections: list[Correction]


def write_entries(organization_id: int, entries: Iterable[Entry], *, now: dt.datetime) -> Written:
    """Write entries of one organization; see `deliver`."""
    return deliver((OrganizationEntry(organization_id, entry) for entry in entries), now=now)


def deliver(entries: Iterable[OrganizationEntry], *, now: dt.datetime) -> Written:
    """Write entries, at most one for each organization, hour and subscription.

    Sorted so they meet the tables in their order. The caller commits, or rolls back on conflicts.
    """
    written = Written()
    iterator = iter(entries)
    while batch := list(islice(iterator, _BATCH)):
        _write_batch(batch, written, now)
    return written


def _write_batch(batch: Sequence[OrganizationEntry], written: Written, now: dt.datetime) -> None:
    entries = {
        Key(organization_id, entry.hour, entry.subscription_id): entry for organization_id, entry in batch
    }
    assert len(entries) == len(batch), "a key comes once in a delivery"
    usage_rows.lock(sorted({key.organization_id for key in entries}))
    current = usage_rows.current_entries(list(entries))
    frozen = _frozen_keys(entries)
    if frozen:
        current |= usage_rows.with_corrections(list(frozen), current)
    changes = _changes(entries, current, frozen, written)
    if not written.conflicts:
        usage_rows.upsert(changes.entries)
        usage_rows.add_to_days(changes.day_deltas_nano)
        _append_corrections(changes.corrections, now)


def _frozen_keys(entries: Mapping[Key, Entry]) -> set[Key]:
    """Return the keys whose month is invoiced."""
    months = {day: Month.of_day(day) for day in {key.hour // HOURS_A_DAY for key in entries}}
    frozen = usage_rows.frozen_months({key.organization_id for key in entries}, set(months.values()))
    if not frozen:
        return set()
    return {key for key in entries if (key.organization_id, months[key.hour // HOURS_A_DAY]) in frozen}


def _changes(
    entries: Mapping[Key, Entry], current: Mapping[Key, CurrentEntry], frozen: set[Key], written: Written
) -> _Changes:
    """Return what entries change, and count what becomes of each."""
    changes = _Changes([], {}, [])
    for key, entry in entries.items():
        quantity_nano = entry.quantity_nano
        assert 0 <= quantity_nano <= ENTRY_MAX_NANO, "a quantity is checked where it enters"
        before = current.get(key)
        revision = _revision_to_write(key, entry, before, written)
        if revision is None:
            continue
        delta_nano = quantity_nano - (before or NO_ENTRY).quantity_nano
        if key in frozen:
            changes.corrections.append(Correction(key, revision, delta_nano))
            written.corrections += bool(delta_nano)
            written.same += not delta_nano
            continue
        changes.entries.append(AcceptedEntry(key, revision, quantity_nano))
        written.new += before is None
        written.same += before is not None and not delta_nano
        written.replaced += before is not None and bool(delta_nano)
        if delta_nano or before is None:
            changes.day_deltas_nano[key] = delta_nano
    return changes


def _revision_to_write(key: Key, entry: Entry, before: CurrentEntry | None, written: Written) -> int | None:
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


def _append_corrections(corrections: Sequence[Correction], now: dt.datetime) -> None:
    if not corrections:
        return
    counts = Counter(correction.key.organization_id for correction in corrections)
    drawn = draw_each(UsageCorrection.__tablename__, counts)
    numbers = {organization_id: iter(ids) for organization_id, ids in drawn.items()}
    rows = [
        {
            **correction.key._asdict(),
            "id": next(numbers[correction.key.organization_id]),
            "uid": uuid4(),
            "revision": correction.revision,
            "delta_nano": correction.delta_nano,
            "arrived_at": now,
        }
        for correction in corrections
    ]
    db.session.execute(insert(UsageCorrection), rows)
