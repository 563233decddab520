"""Many new rows of one table at once: COPY on PostgreSQL, one prepared statement elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import Connection, sql
from sqlalchemy import Dialect, Table, insert
from sqlalchemy.exc import OperationalError

from portal.storage import Model, db


def insert_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns; a column left out needs no default of Python's."""
    if not rows:
        return
    table: Any = model.__table__
    assert not [each for each in table.columns if each.default and each.key not in rows[0]], "a default"
    connection = db.session.connection()
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    driver: Any = connection.connection.driver_connection
    try:
        _copy(driver, table, rows, connection.dialect)
    except psycopg.OperationalError as error:  # SQLAlchemy did not see it: say so in its words
        if driver.closed:
            connection.invalidate(error)
        raise OperationalError(f"COPY {table.name}", None, error) from error


def _copy(driver: Connection[Any], table: Table, rows: Sequence[Mapping[str, Any]], dialect: Dialect) -> None:
    names = list(rows[0])
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.Identifier(table.columns[name].name) for name in names),
    )
    columns = [_written([row[name] for row in rows], table, name, dialect) for name in names]
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)


def _written(values: Sequence[Any], table: Table, name: str, dialect: Dialect) -> Sequence[Any]:
    """Return the values of a column as its type writes them."""
    processor = table.columns[name].type.dialect_impl(dialect).bind_processor(dialect)
    return values if processor is None else [processor(value) for value in values]
