"""Takes over what collectors report: all of a batch, or nothing with the reason of each refused entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select

from portal.domain.deliveries import RefusedEntryError, Reported, reported
from portal.domain.errors import ValidationError
from portal.ledger.entries import Entry, Written, deliver
from portal.ledger.usage_rows import Key
from portal.models import Metering, Product, Subscription
from portal.storage.database import db

ENTRIES_MAX = 50_000
_REASONS_MAX = 1_000  # an answer names so many; the rest is counted
_LOOKED_UP_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch."""

    written: Written
    rounded: int


class _Known(NamedTuple):
    organization_id: int
    id: int
    start_hour: int
    end_hour: int | None
    metering: str


def ingest(entries: Sequence[Any], *, now: dt.datetime) -> Ingested:
    """Write a batch; the caller commits. ValidationError names each entry that cannot be taken."""
    refused: dict[int, str] = {}
    if len(entries) > ENTRIES_MAX:
        raise ValidationError({"entries": [f"are more than {ENTRIES_MAX}"]})
    read = _read(entries, now, refused)
    known = _subscriptions({each.subscription for each in read.values()})
    accepted, repeated, stale = _accepted(read, known, refused)
    _refuse(refused)
    ordered = sorted(accepted)
    written = deliver(
        (
            (key.organization_id, Entry(key.hour, key.subscription_id, each.quantity_nano, each.revision))
            for key, (_, each) in ((key, accepted[key]) for key in ordered)
        ),
        now=now,
    )
    _refuse(
        {accepted[key][0]: "differs from what is known of the same revision" for key in written.conflicts}
    )
    written.same += repeated
    written.stale += stale
    return Ingested(written, sum(each.was_rounded for each in read.values()))


def _read(entries: Sequence[Any], now: dt.datetime, refused: dict[int, str]) -> dict[int, Reported]:
    read = {}
    for index, entry in enumerate(entries):
        try:
            read[index] = reported(entry, now=now)
        except RefusedEntryError as error:
            refused[index] = str(error)
    return read


def _subscriptions(uids: Iterable[UUID]) -> Mapping[UUID, _Known]:
    """Look up whom the entries belong to. Collectors serve every organization: this is the one place."""
    wanted = sorted(uids)
    found = {}
    for start in range(0, len(wanted), _LOOKED_UP_AT_ONCE):
        some = wanted[start : start + _LOOKED_UP_AT_ONCE]
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
            .where(Subscription.uid.in_(some))
        )
        for uid, organization_id, subscription_id, first, end, metering in db.session.execute(query):
            found[uid] = _Known(organization_id, subscription_id, first, end, metering)
    return found


def _accepted(
    read: Mapping[int, Reported], known: Mapping[UUID, _Known], refused: dict[int, str]
) -> tuple[dict[Key, tuple[int, Reported]], int, int]:
    """Return {key: (index, entry)} with the highest revision, and how many repeat it or are lower."""
    accepted: dict[Key, tuple[int, Reported]] = {}
    said: dict[tuple[Key, int], int] = {}  # the quantity of each revision
    repeated = stale = 0
    for index, each in read.items():
        subscription = known.get(each.subscription)
        problem = _problem(each, subscription)
        if subscription is None or problem:
            refused[index] = problem or "subscription_id is unknown"
            continue
        key = Key(subscription.organization_id, each.hour, subscription.id)
        if said.setdefault((key, each.revision), each.quantity_nano) != each.quantity_nano:
            refused[index] = "contradicts another entry of this batch"
            continue
        _, other = accepted.setdefault(key, (index, each))
        if other is each:
            continue
        if other.revision == each.revision:
            repeated += 1
        else:
            stale += 1
            accepted[key] = max((index, each), accepted[key], key=lambda pair: pair[1].revision)
    return accepted, repeated, stale


def _problem(each: Reported, subscription: _Known | None) -> str | None:
    if subscription is None:
        return "subscription_id is unknown"
    if subscription.metering == Metering.TIME:
        return "subscription_id is billed by time: its entries come from the clock"
    end = subscription.end_hour
    if each.hour < subscription.start_hour or (end is not None and each.hour >= end):
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
