"""A schema as both databases tell it: what code of a release meets, table by table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, inspect, text


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

_KINDS = ("columns", "pk_constraint", "unique_constraints", "indexes", "foreign_keys", "check_constraints")
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
    by_name = {kind: _by_name(getattr(inspector, f"get_multi_{kind}")()) for kind in _KINDS}
    return {
        name: _table(
            {kind: by_name[kind].get(name) for kind in _KINDS},
            {trigger: sql for table, trigger, sql in triggers if table == name},
        )
        for name in by_name["columns"]
        if name != "alembic_version"
    }


def _by_name(reflected: Mapping[tuple[str | None, str], Any]) -> Mapping[str, Any]:
    return {name: facts for (_, name), facts in reflected.items()}


def _table(facts: Mapping[str, Any], triggers: Mapping[str, str]) -> Table:
    unique = [each["column_names"] for each in facts["unique_constraints"]]
    unique += [each["column_names"] for each in facts["indexes"] if each["unique"]]
    return Table(
        columns={each["name"]: _column(each) for each in facts["columns"]},
        primary_key=tuple(facts["pk_constraint"]["constrained_columns"]),
        unique=frozenset(tuple(map(str, columns)) for columns in unique),
        references=frozenset(
            (tuple(each["constrained_columns"]), each["referred_table"]) for each in facts["foreign_keys"]
        ),
        checks={str(each["name"]): each["sqltext"] for each in facts["check_constraints"]},
        indexes=frozenset(str(each["name"]) for each in facts["indexes"] if not each["unique"]),
        triggers=triggers,
    )


def _column(found: Mapping[str, object]) -> Column:
    has_default = found["default"] is not None or bool(found.get("identity") or found.get("computed"))
    return Column(str(found["type"]), bool(found["nullable"]), has_default)
