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

USAGE_LOCK = "usage"  # held by whoever writes hours or closes a month of an organization
_NAMED_MAX = 500  # organizations that a query names one by one


class Key(NamedTuple):
    """What an entry is an entry of."""

    organization_id: int
    hour: int
    subscription_id: int


class Known(NamedTuple):
    """What is known of a key: the quantity that counts, and its revision."""

    quantity_nano: int
    revision: int


class Row(NamedTuple):
    """An accepted entry: a new quantity, or the difference to a frozen one."""

    key: Key
    revision: int
    quantity_nano: int


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
    """Let nobody else write usage of these organizations until the transaction ends.

    In the order of ids, so that two writers cannot wait for each other. A writer on SQLite is alone.
    """
    if not _is_postgres():
        return
    owners = _unnested("owner", {"organization_id": (sorted(organization_ids), Integer())})
    rows = select(owners.c.organization_id, bindparam("name", USAGE_LOCK), bindparam("last", 0))
    upsert = (
        insert_into(Counter)
        .from_select(["organization_id", "name", "last"], rows)
        .on_conflict_do_update(
            index_elements=[Counter.organization_id, Counter.name], set_={"last": Counter.last}
        )
    )
    db.session.execute(upsert)


def known(keys: Sequence[Key]) -> dict[Key, Known]:
    """Return what usage_hour has of these keys."""
    wanted = _wanted(keys)
    query = select(
        UsageHour.organization_id,
        UsageHour.hour,
        UsageHour.subscription_id,
        UsageHour.quantity_nano,
        UsageHour.revision,
    ).join(
        wanted,
        (UsageHour.organization_id == wanted.c.organization_id)
        & (UsageHour.hour == wanted.c.hour)
        & (UsageHour.subscription_id == wanted.c.subscription_id),
    )
    return {Key(*key): Known(quantity, revision) for *key, quantity, revision in db.session.execute(query)}


def _wanted(keys: Sequence[Key]) -> FromClause:
    if _is_postgres():
        owners, hours, subscriptions = zip(*keys, strict=True)
        return _unnested(
            "wanted",
            {
                "organization_id": (owners, Integer()),
                "hour": (hours, Integer()),
                "subscription_id": (subscriptions, Integer()),
            },
        )
    listed = func.json_each(json.dumps(keys)).table_valued("value")
    parts = [func.json_extract(listed.c.value, f"$[{place}]") for place in range(3)]
    return select(*(part.label(name) for part, name in zip(parts, Key._fields, strict=True))).subquery()


def frozen_months(organization_ids: Collection[int], months: Collection[Month]) -> set[tuple[int, Month]]:
    """Return which of these organizations have an invoice for which of these months."""
    query = select(Invoice.organization_id, Invoice.period).where(
        Invoice.period.in_([str(month) for month in months])
    )
    if len(organization_ids) <= _NAMED_MAX:
        query = query.where(Invoice.organization_id.in_(organization_ids))
    return {(owner, Month.parse(period)) for owner, period in db.session.execute(query)}


def with_corrections(keys: Sequence[Key], frozen: Mapping[Key, Known]) -> dict[Key, Known]:
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
    found = {}
    for *parts, delta, revision in db.session.execute(query):
        key = Key(*parts)
        before = frozen.get(key, Known(0, -1))
        found[key] = Known(before.quantity_nano + int(delta), max(before.revision, revision))
    return found


def upsert(rows: Sequence[Row]) -> None:
    """Write entries; one that is there already gets the new quantity and revision."""
    key = (UsageHour.organization_id, UsageHour.hour, UsageHour.subscription_id)
    columns = {
        "organization_id": ([row.key.organization_id for row in rows], Integer()),
        "hour": ([row.key.hour for row in rows], Integer()),
        "subscription_id": ([row.key.subscription_id for row in rows], Integer()),
        "revision": ([row.revision for row in rows], Integer()),
        "quantity_nano": ([row.quantity_nano for row in rows], BigInteger()),
    }
    _merge(
        UsageHour,
        key,
        columns,
        lambda fresh: {"quantity_nano": fresh.quantity_nano, "revision": fresh.revision},
    )


def add_to_days(changes: Mapping[Key, int]) -> None:
    """Add differences to the sums of days; `hour` of each key is any hour of the day."""
    by_day: dict[tuple[int, int, int], int] = {}
    for (owner, hour, subscription), change in changes.items():
        place = owner, hour // HOURS_A_DAY, subscription
        by_day[place] = by_day.get(place, 0) + change
    ordered = sorted(by_day)
    columns = {
        "organization_id": ([owner for owner, _, _ in ordered], Integer()),
        "day": ([day for _, day, _ in ordered], Integer()),
        "subscription_id": ([subscription for _, _, subscription in ordered], Integer()),
        "quantity_nano": ([by_day[place] for place in ordered], BigInteger()),
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
