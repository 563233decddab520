"""Sets of usage rows, read and written in one statement each, on either database.

PostgreSQL unnests arrays; SQLite reads by a JSON list and writes row by row in one call.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ARRAY, ColumnElement, FromClause, Integer, Text, and_, bindparam, cast, func, select
from sqlalchemy.types import TypeEngine

from portal.domain.period import HOURS_A_DAY, Month
from portal.models import Counter, Invoice, UsageCorrection, UsageDay, UsageHour
from portal.storage import Model, db, insert_into

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


def _unnested(name: str, types: Mapping[str, TypeEngine[int]], rows: Sequence[Sequence[int]]) -> FromClause:
    """Return rows of numbers, one at least, as a table of PostgreSQL's with columns of these types.

    They are sent as array literals: psycopg would look at each number whether it has to be quoted.
    """
    arrays = [
        cast(bindparam(f"{name}_{column}", f"{{{','.join(map(str, numbers))}}}", Text()), ARRAY(kind))
        for (column, kind), numbers in zip(types.items(), zip(*rows, strict=True), strict=True)
    ]
    return func.unnest(*arrays).table_valued(*types, name=name).render_derived()


def lock(organization_ids: Sequence[int]) -> None:
    """Let no other worker write usage of these organizations until the transaction ends.

    In the order of ids, so that two writers cannot wait for each other. A writer on SQLite is alone.
    """
    if not _is_postgres():
        return
    ids = [(organization_id,) for organization_id in sorted(organization_ids)]
    organizations = _unnested("organization_ids", {"organization_id": Integer()}, ids)
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
    parts = _key_of(UsageHour)
    query = select(*parts, UsageHour.quantity_nano, UsageHour.revision).join(
        key, and_(*(part == key.c[part.name] for part in parts))
    )
    rows = db.session.execute(query)
    return {
        Key(*numbers): CurrentEntry(quantity_nano, revision) for *numbers, quantity_nano, revision in rows
    }


def _key_of(model: type[Model]) -> Sequence[ColumnElement[int]]:
    """Return the columns of a table that make a key."""
    return [model.__table__.c[name] for name in Key._fields]


def _key_table(keys: Sequence[Key]) -> FromClause:
    """Return keys as a table."""
    if _is_postgres():
        return _unnested("key", dict.fromkeys(Key._fields, Integer()), keys)
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
    parts = _key_of(UsageCorrection)
    query = (
        select(*parts, func.sum(UsageCorrection.delta_nano), func.max(UsageCorrection.revision))
        .where(
            UsageCorrection.organization_id.in_({key.organization_id for key in keys}),
            UsageCorrection.hour.between(min(hours), max(hours)),
        )
        .group_by(*parts)
    )
    current = {}
    for *numbers, delta_nano, revision in db.session.execute(query):
        key = Key(*numbers)
        before = frozen.get(key, NO_ENTRY)
        quantity_nano = before.quantity_nano + int(delta_nano)
        current[key] = CurrentEntry(quantity_nano, max(before.revision, revision))
    return current


def upsert(entries: Sequence[AcceptedEntry]) -> None:
    """Write entries; an existing one gets the new quantity and revision."""
    rows = [(*entry.key, entry.revision, entry.quantity_nano) for entry in entries]
    columns = (*Key._fields, "revision", "quantity_nano")
    fresh = insert_into(UsageHour).excluded
    _merge(UsageHour, columns, rows, {"quantity_nano": fresh.quantity_nano, "revision": fresh.revision})


def add_to_days(deltas_nano: Mapping[Key, int]) -> None:
    """Add differences to the sums of days; `hour` of each key is any hour of the day."""
    by_day: dict[tuple[int, int, int], int] = {}
    for (organization_id, hour, subscription_id), delta_nano in deltas_nano.items():
        day = organization_id, hour // HOURS_A_DAY, subscription_id
        by_day[day] = by_day.get(day, 0) + delta_nano
    rows = [(*day, by_day[day]) for day in sorted(by_day)]
    columns = ("organization_id", "day", "subscription_id", "quantity_nano")
    added = UsageDay.quantity_nano + insert_into(UsageDay).excluded.quantity_nano
    _merge(UsageDay, columns, rows, {"quantity_nano": added})


def _merge(
    table: type[Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[int]],
    changed: Mapping[str, ColumnElement[int]],
) -> None:
    """Insert rows of some columns; `changed` says what becomes of an existing one."""
    if not rows:
        return
    upsert = insert_into(table).on_conflict_do_update(
        index_elements=table.__table__.primary_key, set_=changed
    )
    if _is_postgres():
        fresh = _unnested("fresh", {name: table.__table__.c[name].type for name in columns}, rows)
        db.session.execute(upsert.from_select(columns, select(*fresh.c)))
    else:
        db.session.execute(upsert, [dict(zip(columns, row, strict=True)) for row in rows])
