"""Takes over the reports of collectors: all of a batch, or nothing with the reason of each refused entry."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from portal.domain.deliveries import RefusedEntryError, ReportedEntry, reported_entry
from portal.domain.errors import ValidationError
from portal.ledger.entries import Entry, OrganizationEntry, Written, deliver
from portal.ledger.usage_rows import Key
from portal.models import Metering, Product, Subscription
from portal.storage import db

ENTRIES_MAX = 50_000
_REASONS_MAX = 1_000  # an answer names so many; the rest is counted
_LOOKED_UP_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """The outcome of a batch."""

    written: Written
    rounded: int


class _MeteredSubscription(NamedTuple):
    """The facts of a subscription with which its entries are checked."""

    organization_id: int
    id: int
    start_hour: int
    end_hour: int | None
    metering: str


class _IndexedEntry(NamedTuple):
    """An entry with its index in the batch."""

    at: int
    entry: ReportedEntry


@dataclass(slots=True)
class _Accepted:
    """The entry of each key with the highest revision; how many others repeat it, or are older."""

    entries: dict[Key, _IndexedEntry] = field(default_factory=dict)
    repeated: int = 0
    stale: int = 0

    def add(self, key: Key, candidate: _IndexedEntry) -> None:
        current = self.entries.setdefault(key, candidate)
        if current is candidate:
            return
        if current.entry.revision == candidate.entry.revision:
            self.repeated += 1
            return
        self.stale += 1
        if candidate.entry.revision > current.entry.revision:
            self.entries[key] = candidate

    def in_order(self) -> Iterator[OrganizationEntry]:
        """Yield the entries as the ledger takes them, in the order of its tables."""
        for key in sorted(self.entries):
            entry = self.entries[key].entry
            yield OrganizationEntry(
                key.organization_id, Entry(key.hour, key.subscription_id, entry.quantity_nano, entry.revision)
            )


def ingest(entries: Iterable[object], *, now: dt.datetime) -> Ingested:
    """Write a batch; the caller commits. ValidationError names each entry that cannot be taken."""
    refused: dict[int, str] = {}
    reported = _read(entries, now, refused)
    subscriptions = _subscriptions({each.entry.subscription for each in reported})
    accepted = _accepted(reported, subscriptions, refused)
    _refuse(refused)
    written = deliver(accepted.in_order(), now=now)
    conflicts = {accepted.entries[key].at for key in written.conflicts}
    _refuse(dict.fromkeys(conflicts, "differs from what is known of the same revision"))
    written.same += accepted.repeated
    written.stale += accepted.stale
    return Ingested(written, sum(each.entry.was_rounded for each in reported))


def _read(entries: Iterable[object], now: dt.datetime, refused: dict[int, str]) -> Sequence[_IndexedEntry]:
    """Take over what an entry says before the next is asked for: nothing else is kept of it."""
    reported = []
    for index, entry in enumerate(entries):
        if index == ENTRIES_MAX:
            raise ValidationError({"entries": [f"are more than {ENTRIES_MAX}"]})
        try:
            reported.append(_IndexedEntry(index, reported_entry(entry, now=now)))
        except RefusedEntryError as error:
            refused[index] = str(error)
    return reported


def _subscriptions(uids: Iterable[UUID]) -> Mapping[UUID, _MeteredSubscription]:
    """Look up the subscriptions of the entries. Collectors serve every organization: nothing else does."""
    ordered = sorted(uids)
    subscriptions = {}
    for start in range(0, len(ordered), _LOOKED_UP_AT_ONCE):
        query = (
            select(
                Subscription.uid,
                Subscription.organization_id,
                Subscription.id,
                Subscription.start_hour,
                Subscription.end_hour,
                Product.metering,
            )
            .join(Product, Product.id == Subscription.product_id)
            .where(Subscription.uid.in_(ordered[start : start + _LOOKED_UP_AT_ONCE]))
        )
        for uid, organization_id, subscription_id, first, end, metering in db.session.execute(query):
            subscriptions[uid] = _MeteredSubscription(organization_id, subscription_id, first, end, metering)
    return subscriptions


def _accepted(
    reported: Sequence[_IndexedEntry],
    subscriptions: Mapping[UUID, _MeteredSubscription],
    refused: dict[int, str],
) -> _Accepted:
    """Return what can be taken, and add the reason of everything else to `refused`."""
    accepted = _Accepted()
    quantities_nano: dict[tuple[Key, int], int] = {}  # of each revision
    for candidate in reported:
        index, entry = candidate
        subscription = subscriptions.get(entry.subscription)
        problem = _problem(entry, subscription)
        if subscription is None or problem:
            refused[index] = problem or "subscription_id is unknown"
            continue
        key = Key(subscription.organization_id, entry.hour, subscription.id)
        quantity_nano = quantities_nano.setdefault((key, entry.revision), entry.quantity_nano)
        if quantity_nano != entry.quantity_nano:
            refused[index] = "contradicts another entry of this batch"
            continue
        accepted.add(key, candidate)
    return accepted


def _problem(entry: ReportedEntry, subscription: _MeteredSubscription | None) -> str | None:
    if subscription is None:
        return "subscription_id is unknown"
    if subscription.metering == Metering.TIME:
        return "subscription_id is billed by time: its entries come from the clock"
    end_hour = subscription.end_hour
    if entry.hour < subscription.start_hour or (end_hour is not None and entry.hour >= end_hour):
        return "hour is outside the subscription"
    return None


def _refuse(refused: Mapping[int, str]) -> None:
    if not refused:
        return
    named = sorted(refused)[:_REASONS_MAX]
    problems = {f"entries[{index}]": [refused[index]] for index in named}
    if len(refused) > len(named):
        problems["entries"] = [f"{len(refused) - len(named)} more cannot be taken"]
    raise ValidationError(problems)
