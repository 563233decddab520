"""Flask extensions, made once and bound in create_app; `Model` is the base of every table.

Each table says in its `info` where it lives: `organization` (owned by one, keyed by it first),
`reference` (small, rarely written, the same everywhere) or `local` (never distributed).
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    MetaData,
    Numeric,
    String,
    Text,
    TypeDecorator,
    Uuid,
    event,
)
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, registry

from portal.domain.rating import pico_of, price_of

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcInstant(TypeDecorator[dt.datetime]):
    """An aware instant. SQLite keeps no zone, so it goes in as UTC and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "an instant has a zone"
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


class Price(TypeDecorator[Decimal]):
    """A price in major units, kept exactly as whole pico-units (Numeric is a float on SQLite)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else pico_of(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        del dialect
        return None if value is None else price_of(value)


class WideInteger(TypeDecorator[int]):
    """A whole number of up to 38 digits: sums over subscriptions can outgrow 64 bits."""

    impl = Numeric(38, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        wide = String(39) if dialect.name == "sqlite" else Numeric(38, 0)
        return dialect.type_descriptor(wide)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else int(value)


class Base(DeclarativeBase):
    # A registry rather than a `type_annotation_map`: Flask-SQLAlchemy copies this class into its own.
    registry = registry(
        metadata=MetaData(naming_convention=_NAMES),
        type_annotation_map={dt.datetime: UtcInstant, str: Text, UUID: Uuid},
    )


# What was read stays readable when its transaction ends: a provider is never asked inside one.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()
login = LoginManager()
csrf = CSRFProtect()
htmx = Htmx()

if TYPE_CHECKING:
    Model = Base  # mypy cannot follow a class made at run time
else:
    Model = db.Model

# SQLite has one writer: whoever will write takes its lock at the first statement, or two readers that
# both turn into writers refuse each other (or lose an update, without a word).
_is_reading: ContextVar[bool] = ContextVar("_is_reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Begin transactions inside as readers, who never wait for a writer."""
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
    options = "-c timezone=UTC -c lock_timeout=10s"
    connect_args = {"options": options, "connect_timeout": 3, "prepare_threshold": None}
    return {"pool_pre_ping": True, "hide_parameters": True, "connect_args": connect_args}
