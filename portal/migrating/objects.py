"""What a schema consists of, as the database itself tells it: tables, keys, indexes, triggers, functions.

Two databases that went through the same migrations have the same objects, whatever their version and the
order of their columns. What an extension brought along is left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, text

Objects = Mapping[str, str]  # "trigger invoice_is_not_changed on invoice": its definition

_VERSION_TABLE = "alembic_version"
_POSTGRESQL = {
    "table {0}: column {1}": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {ours}""",
    "view {0}": "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('v', 'm', 'f') AND {ours}",
    "table {0}: constraint {1}": """
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid, true), k.convalidated::text
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND {ours}""",
    "index {1} on {0}": """
        SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid, 0, true), x.indisvalid::text
        FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid) AND {ours}""",
    "trigger {1} on {0}": """
        SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid, true), t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND {ours}""",
    "rule {1} on {0}": """
        SELECT c.relname, r.rulename, r.ev_enabled::text
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind IN ('r', 'p') AND {ours}""",
    "policy {1} on {0}": """
        SELECT c.relname, p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {ours}""",
    "function {0}": """
        SELECT c.proname || '(' || pg_get_function_identity_arguments(c.oid) || ')', md5(c.prosrc),
               c.prosecdef::text, l.lanname
        FROM pg_proc c JOIN pg_language l ON l.oid = c.prolang WHERE {ours}""",
    "event trigger {0}": "SELECT c.evtname, c.evtenabled::text FROM pg_event_trigger c",
}
_OURS = (
    "c.{0}namespace = to_regnamespace(current_schema())"
    " AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')"
)
_CAST = re.compile(r"::[a-z_]+( [a-z]+)*(\(\d+\))?(\[\])?")


def objects_of(connection: Connection) -> Objects:
    """Return the objects of the schema that a connection is in, by their names."""
    read: Callable[[Connection], Iterator[tuple[str, str]]] = (
        _of_sqlite if connection.dialect.name == "sqlite" else _of_postgresql
    )
    found = read(connection)
    return {name: definition for name, definition in found if not name.startswith(f"table {_VERSION_TABLE}:")}


def version_of(connection: Connection) -> str | None:
    """Return the migration that a schema ends with."""
    version: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608
    return version


def _of_postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    for name, query in _POSTGRESQL.items():
        ours = _OURS.format("pro" if name.startswith("function") else "rel")
        for row in connection.exec_driver_sql(query.replace("{ours}", ours)):
            named = name.format(*row)
            words = row[2:] if "{1}" in name else row[1:]
            yield named, " ".join(_plain(str(word or ""), f"{schema}.") for word in words).strip()


def _plain(definition: str, prefix: str) -> str:
    """Return a definition without what versions of PostgreSQL write differently: casts, brackets, blanks."""
    bare = _CAST.sub("", definition.replace(prefix, ""))
    return re.sub(r"[()\s]+", " ", bare).strip()


def _of_sqlite(connection: Connection) -> Iterator[tuple[str, str]]:
    # Nobody can name a table of his own `sqlite_…`: ANALYZE keeps its statistics in such.
    query = text(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
        r" WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'sqlite\_%' ESCAPE '\'"
    )
    for kind, name, table, sql in connection.execute(query):
        plain = re.sub(r"\s+", " ", re.sub(r'["`\[\]]', "", sql)).strip()
        if kind == "table":
            yield from ((f"table {name}: {part}", "") for part in _parts(plain))
        else:
            yield (f"{kind} {name}" if kind == "view" else f"{kind} {name} on {table}"), plain


def _parts(sql: str) -> Iterator[str]:
    """Yield the columns and constraints of a table, and what follows them."""
    depth, part = 0, ""
    for letter in sql[sql.index("(") + 1 :]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if (letter == "," and depth == 0) or depth < 0:
            yield part.strip()
            part, depth = "", max(depth, 0)
        else:
            part += letter
    if part.strip():
        yield part.strip()
