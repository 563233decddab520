"""Statements on many rows at once: they go past the session, and both databases take them."""

from typing import cast

from sqlalchemy import ColumnElement, Connection, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from portal.storage.database import Model, db


def insert_into(model: type[Model], connection: Connection | None = None) -> postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT in the dialect of the session, or of another connection.

    Both databases spell `on_conflict_do_nothing`, `on_conflict_do_update` and `returning` alike.
    """
    dialect = (connection or db.session.get_bind()).dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return cast("postgresql.Insert", insert(model))


def change(model: type[Model], where: ColumnElement[bool], /, **values: object) -> int:
    """Change the rows that match now, and return their count; rows in the session stay as they were."""
    query = update(model).where(where).values(**values).execution_options(synchronize_session=False)
    return cast("CursorResult[object]", db.session.execute(query)).rowcount


def remove(model: type[Model], where: ColumnElement[bool]) -> int:
    """Delete the rows that match, now, and return how many did."""
    query = delete(model).where(where).execution_options(synchronize_session=False)
    return cast("CursorResult[object]", db.session.execute(query)).rowcount
