"""Sets of usage rows, read and written in one statement each, on either database.

PostgreSQL unnests arrays; SQLite reads by a JSON list and writes row by row in one call.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, FromClause, Integer, Text, bindparam, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from portal.domain.period import HOURS_A_DAY, Month
from portal.models import Counter, Invoice, UsageCorrection, UsageDay, UsageHour
from portal.storage.database import Model, db
from portal.storage.statements import insert_into

USAGE_LOCK = "usage"  # held while hours of an organization are written, or its month is closed
_NAMED_MAX = 500  # organizations that a query names one by one


class Key(NamedTuple):
    """The key of an entry."""

    organization_id: int
    hour: int
    subscription_id: int


class CurrentEntry(NamedTuple):
    """The quantity of a key that counts, and its revision."""

    quantity_nano: int
    revision: int


NO_ENTRY = CurrentEntry(0, -1)


class AcceptedEntry(NamedTuple):
    """A quantity that counts from now on."""

    key: Key
    revision: int
    quantity_nano: int


class Correction(NamedTuple):
    """How much an accepted entry differs from what was frozen or corrected before."""

    key: Key
    revision: int
    delta_nano: int


def _is_postgres() -> bool:
    return db.session.get_bind().dialect.name == "postgresql"


def _unnested(name: str, columns: Mapping[str, tuple[Sequence[int], TypeEngine[int]]]) -> FromClause:
    """Return columns of numbers as a table of PostgreSQL's.

    They are sent as array literals: psycopg would look at each number whether it has to be quoted.
    """
    arrays = [
        cast(bindparam(f"{name}_{column}", f"{{{','.join(map(str, numbers))}}}", Text()), ARRAY(kind))
        for column, (numbers, kind) in columns.items()
    ]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()


def lock(organization_ids: Sequence[int]) -> None:
    """Let no other worker write usage of these organizations until the transaction ends.

    In the order of ids, so that two writers cannot wait for each other. A writer on SQLite is alone.
    """
    if not _is_postgres():
        return
    organizations = _unnested("organization_ids", {"organization_id": (sorted(organization_ids), Integer())})
    rows = select(organizations.c.organization_id, bindparam("name", USAGE_LOCK), bindparam("last", 0))
    upsert = (
        insert_into(Counter)
        .from_select(["organization_id", "name", "last"], rows)
        .on_conflict_do_update(
            index_elements=[Counter.organization_id, Counter.name], set_={"last": Counter.last}
        )
    )
    db.session.execute(upsert)


def current_entries(keys: Sequence[Key]) -> dict[Key, CurrentEntry]:
    """Return what usage_hour has of these keys."""
    key = _key_table(keys)
    query = select(
        UsageHour.organization_id,
        UsageHour.hour,
        UsageHour.subscription_id,
        UsageHour.quantity_nano,
        UsageHour.revision,
    ).join(
        key,
        (UsageHour.organization_id == key.c.organization_id)
        & (UsageHour.hour == key.c.hour)
        & (UsageHour.subscription_id == key.c.subscription_id),
    )
    rows = db.session.execute(query)
    return {Key(*parts): CurrentEntry(quantity_nano, revision) for *parts, quantity_nano, revision in rows}


def _key_table(keys: Sequence[Key]) -> FromClause:
    """Return keys as a table."""
    if _is_postgres():
        organization_ids, hours, subscription_ids = zip(*keys, strict=True)
        return _unnested(
            "key",
            {
                "organization_id": (organization_ids, Integer()),
                "hour": (hours, Integer()),
                "subscription_id": (subscription_ids, Integer()),
            },
        )
    listed = func.json_each(json.dumps(keys)).table_valued("value")
    parts = [func.json_extract(listed.c.value, f"$[{index}]") for index in range(len(Key._fields))]
    return select(*(part.label(name) for part, name in zip(parts, Key._fields, strict=True))).subquery()


def frozen_months(organization_ids: Collection[int], months: Collection[Month]) -> set[tuple[int, Month]]:
    """Return which of these organizations have an invoice for which of these months."""
    query = select(Invoice.organization_id, Invoice.period).where(
        Invoice.period.in_([str(month) for month in months])
    )
    if len(organization_ids) <= _NAMED_MAX:
        query = query.where(Invoice.organization_id.in_(organization_ids))
    rows = db.session.execute(query)
    return {(organization_id, Month.parse(period)) for organization_id, period in rows}


def with_corrections(keys: Sequence[Key], frozen: Mapping[Key, CurrentEntry]) -> dict[Key, CurrentEntry]:
    """Return what counts for keys of invoiced months: the frozen quantity and all later differences."""
    hours = [key.hour for key in keys]
    query = (
        select(
            UsageCorrection.organization_id,
            UsageCorrection.hour,
            UsageCorrection.subscription_id,
            func.sum(UsageCorrection.delta_nano),
            func.max(UsageCorrection.revision),
        )
        .where(
            UsageCorrection.organization_id.in_({key.organization_id for key in keys}),
            UsageCorrection.hour.between(min(hours), max(hours)),
        )
        .group_by(UsageCorrection.organization_id, UsageCorrection.hour, UsageCorrection.subscription_id)
    )
    current = {}
    for *parts, delta_nano, revision in db.session.execute(query):
        key = Key(*parts)
        before = frozen.get(key, NO_ENTRY)
        quantity_nano = before.quantity_nano + int(delta_nano)
        current[key] = CurrentEntry(quantity_nano, max(before.revision, revision))
    return current


def upsert(entries: Sequence[AcceptedEntry]) -> None:
    """Write entries; an existing one gets the new quantity and revision."""
    key = (UsageHour.organization_id, UsageHour.hour, UsageHour.subscription_id)
    columns = {
        "organization_id": ([entry.key.organization_id for entry in entries], Integer()),
        "hour": ([entry.key.hour for entry in entries], Integer()),
        "subscription_id": ([entry.key.subscription_id for entry in entries], Integer()),
        "revision": ([entry.revision for entry in entries], Integer()),
        "quantity_nano": ([entry.quantity_nano for entry in entries], BigInteger()),
    }
    _merge(
        UsageHour,
        key,
        columns,
        lambda fresh: {"quantity_nano": fresh.quantity_nano, "revision": fresh.revision},
    )


def add_to_days(deltas_nano: Mapping[Key, int]) -> None:
    """Add differences to the sums of days; `hour` of each key is any hour of the day."""
    by_day: dict[tuple[int, int, int], int] = {}
    for (organization_id, hour, subscription_id), delta_nano in deltas_nano.items():
        day = organization_id, hour // HOURS_A_DAY, subscription_id
        by_day[day] = by_day.get(day, 0) + delta_nano
    days = sorted(by_day)
    columns = {
        "organization_id": ([organization_id for organization_id, _, _ in days], Integer()),
        "day": ([day for _, day, _ in days], Integer()),
        "subscription_id": ([subscription_id for _, _, subscription_id in days], Integer()),
        "quantity_nano": ([by_day[day] for day in days], BigInteger()),
    }
    key = (UsageDay.organization_id, UsageDay.day, UsageDay.subscription_id)
    _merge(
        UsageDay, key, columns, lambda fresh: {"quantity_nano": UsageDay.quantity_nano + fresh.quantity_nano}
    )


def _merge(
    table: type[Model],
    key: Sequence[InstrumentedAttribute[int]],
    columns: Mapping[str, tuple[Sequence[int], TypeEngine[int]]],
    changed: Any,
) -> None:
    """Insert rows given by columns; `changed` says what becomes of one that is there already."""
    if not next(iter(columns.values()))[0]:
        return
    insert = insert_into(table)
    upsert = insert.on_conflict_do_update(index_elements=key, set_=changed(insert.excluded))
    if _is_postgres():
        rows = _unnested("fresh", columns)
        db.session.execute(upsert.from_select(list(columns), select(*rows.c)))
        return
    numbers = zip(*(numbers for numbers, _ in columns.values()), strict=True)
    db.session.execute(upsert, [dict(zip(columns, row, strict=True)) for row in numbers])
