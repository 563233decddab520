"""The database session, made once and bound in create_app; `Model` is the base of every table.

Each table says in its `info` where it lives: `organization` (owned by one, keyed by it first),
`reference` (small, rarely written, the same everywhere) or `local` (never distributed).
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Text, Uuid, create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.pool import NullPool

from portal.storage.types import UtcInstant

_PROBE_SECONDS = 3
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    # A registry rather than a `type_annotation_map`: Flask-SQLAlchemy copies this class into its own.
    registry = registry(
        metadata=MetaData(naming_convention=_NAMES),
        type_annotation_map={dt.datetime: UtcInstant, str: Text, UUID: Uuid},
    )


# Rows stay readable when their transaction ends: a provider is never asked inside one.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:
    Model = Base  # mypy cannot follow a class made at run time
else:
    Model = db.Model

# SQLite has one writer: a writer takes the lock at its first statement, or two readers that
# both turn into writers refuse each other (or lose an update, without a word).
_is_reading: ContextVar[bool] = ContextVar("_is_reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Begin transactions inside as readers, which never wait for a writer."""
    token = _is_reading.set(True)
    try:
        yield
    finally:
        _is_reading.reset(token)


def is_reading() -> bool:
    """Tell whether a transaction that begins now only reads."""
    return _is_reading.get()


def set_reading(*, is_reading: bool) -> None:
    """Say for the rest of this request whether its transaction only reads."""
    _is_reading.set(is_reading)


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, record: Any) -> None:
    del record
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # acknowledged is kept
        "foreign_keys=ON",
        "recursive_triggers=ON",  # else REPLACE walks past a trigger that forbids DELETE
        "busy_timeout=10000",
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _is_reading.get() else "BEGIN IMMEDIATE")


def engine_options(database_url: str) -> dict[str, Any]:
    """Return what the engine of a database needs to be told."""
    if database_url.startswith("sqlite"):
        return {"hide_parameters": True}  # an error in the log names no customer's data
    # With psycopg's automatic prepare a generic plan took 300 times as long for the largest organization.
    # Not `plan_cache_mode=force_custom_plan`: that plans the check of every foreign key of every row anew.
    told = make_url(database_url).query.get("options", "")
    options = f"{told} -c timezone=UTC -c lock_timeout=10s".strip()
    connect_args = {"options": options, "connect_timeout": 3, "prepare_threshold": None}
    return {"pool_pre_ping": True, "hide_parameters": True, "connect_args": connect_args}


def probe_engine(database_url: str) -> Engine:
    """Return an engine for short questions beside the session, each with a connection of its own."""
    options = engine_options(database_url)
    options.pop("pool_pre_ping", None)
    if connect_args := options.get("connect_args"):
        connect_args["options"] += " -c statement_timeout=2s"
        connect_args["connect_timeout"] = _PROBE_SECONDS
        connect_args["tcp_user_timeout"] = _PROBE_SECONDS * 1000
    return create_engine(database_url, poolclass=NullPool, **options)
