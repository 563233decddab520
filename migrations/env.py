"""Runs the migrations on whichever database the app is configured for."""

from __future__ import annotations

from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy import text

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
    """Migrate in one transaction; on SQLite a rebuilt table must not drag its children along."""
    configured = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            connection.exec_driver_sql("COMMIT")  # the pragma is ignored inside a transaction
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=_rendered,
            **configured | {"render_as_batch": is_sqlite},
        )
        with context.begin_transaction():
            context.run_migrations()
        if is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
            connection.rollback()
            raise RuntimeError("a migration left a row that refers to nothing")
        connection.commit()
        if is_sqlite:
            connection.invalidate()  # the next connection has foreign keys on again


run()
