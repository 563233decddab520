"""A schema as both databases tell it: what code of a release meets, table by table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Inspector, inspect, text


class Column(NamedTuple):
    type: str
    is_nullable: bool
    has_default: bool


Columns = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """`unique` has the unique indexes too; keys are columns, since a name says nothing to a program."""

    columns: Mapping[str, Column]
    primary_key: Columns
    unique: frozenset[Columns]
    references: frozenset[tuple[Columns, str]]
    checks: Mapping[str, str]
    indexes: frozenset[str]
    triggers: Mapping[str, str]


Schema = Mapping[str, Table]

_TRIGGERS = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace = to_regnamespace(current_schema())"
    ),
}


def schema_of(connection: Connection) -> Schema:
    inspector = inspect(connection)
    triggers = connection.execute(text(_TRIGGERS[connection.dialect.name])).all()
    return {
        name: _table(inspector, name, {trigger: sql for table, trigger, sql in triggers if table == name})
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _table(inspector: Inspector, name: str, triggers: Mapping[str, str]) -> Table:
    indexes = inspector.get_indexes(name)
    unique = [each["column_names"] for each in inspector.get_unique_constraints(name)]
    unique += [each["column_names"] for each in indexes if each["unique"]]
    return Table(
        columns={each["name"]: _column(each) for each in inspector.get_columns(name)},
        primary_key=tuple(inspector.get_pk_constraint(name)["constrained_columns"]),
        unique=frozenset(tuple(map(str, columns)) for columns in unique),
        references=frozenset(
            (tuple(each["constrained_columns"]), each["referred_table"])
            for each in inspector.get_foreign_keys(name)
        ),
        checks={str(each["name"]): each["sqltext"] for each in inspector.get_check_constraints(name)},
        indexes=frozenset(str(each["name"]) for each in indexes if not each["unique"]),
        triggers=triggers,
    )


def _column(found: Mapping[str, object]) -> Column:
    has_default = found["default"] is not None or bool(found.get("identity") or found.get("computed"))
    return Column(str(found["type"]), bool(found["nullable"]), has_default)
