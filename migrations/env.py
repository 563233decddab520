"""Runs the migrations on whichever database the app is configured for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from portal import migrating
from portal.storage import Price, UtcInstant, WideInteger, db

_PLAIN = {
    UtcInstant: "sa.DateTime(timezone=True)",
    Price: "sa.BigInteger()",
    WideInteger: 'sa.Numeric(38, 0).with_variant(sa.String(39), "sqlite")',
}


def _rendered(kind: str, item: object, context: object) -> str | Literal[False]:
    """Write our column types into a migration as what they are below, so that it outlives them."""
    del context
    return _PLAIN.get(type(item), False) if kind == "type" else False


def run() -> None:
    """Migrate, and wait patiently where others are at work."""
    if db.engine.dialect.name == "sqlite":
        migrating.patiently(_on_sqlite)
    else:
        _on_postgresql()


@contextmanager
def _own_connection() -> Iterator[Connection]:
    """Connect for one run: what the connection is told is meant for nobody else."""
    with db.engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.invalidate()


def _on_sqlite() -> None:
    """Migrate in one transaction, which has the database to itself; a rebuilt table keeps its children."""
    with _own_connection() as connection:
        connection.exec_driver_sql("COMMIT")  # the pragma is ignored inside a transaction
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection, render_as_batch=True)
        if connection.execute(text("PRAGMA foreign_key_check")).first():
            connection.rollback()
            raise RuntimeError("a migration left a row that refers to nothing")
        connection.commit()


def _on_postgresql() -> None:
    """Migrate step by step, each in a transaction of its own: no lock is held for longer than one step."""
    with _own_connection() as connection, migrating.one_at_a_time(connection):
        connection.exec_driver_sql(f"SET lock_timeout = '{migrating.LONGEST_LOCK}'")
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.commit()
        migrating.patiently(lambda: _migrate(connection, transaction_per_migration=True), connection)


def _migrate(connection: Connection, **options: bool) -> None:
    configured = current_app.extensions["migrate"].configure_args
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=_rendered,
        **configured | {"render_as_batch": False} | options,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
