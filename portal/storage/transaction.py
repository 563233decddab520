"""Short transactions around a provider's call: none is open while the provider thinks."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from portal.storage.database import db, is_reading, reading, set_reading

log = logging.getLogger(__name__)
_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's machine: about a millisecond


@contextmanager
def read_transaction() -> Iterator[None]:
    """Read in a short transaction of its own, over before a provider is asked: nothing stays locked."""
    db.session.commit()
    with reading():
        yield
        db.session.commit()


@contextmanager
def write_transaction() -> Iterator[None]:
    """Write in a short transaction of its own, and go on as before."""
    db.session.commit()
    was_reading = is_reading()
    set_reading(is_reading=False)
    try:
        yield
        db.session.commit()
    finally:
        db.session.rollback()
        set_reading(is_reading=was_reading)


def abandon_transaction() -> None:
    """End the transaction without effect, even where its connection is lost: that one is thrown away."""
    try:
        db.session.rollback()
    except SQLAlchemyError:
        log.warning("a connection to the database is lost", exc_info=True)
        db.session().invalidate()


@contextmanager
def read_transaction_within(milliseconds: int) -> Iterator[None]:
    """Read in a short transaction whose statements each end in time, by an OperationalError if they must."""
    with read_transaction():
        connection = db.session.connection()
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds:d}")
            yield
        else:
            with _interrupted_after(connection, milliseconds):
                yield


@contextmanager
def _interrupted_after(connection: Connection, milliseconds: int) -> Iterator[None]:
    """Let SQLite stop a statement; it has no deadline of its own."""
    sqlite: Any = connection.connection.dbapi_connection
    ends_at = time.monotonic_ns() + milliseconds * 1_000_000
    sqlite.set_progress_handler(lambda: time.monotonic_ns() > ends_at, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        sqlite.set_progress_handler(None, _STEPS_BETWEEN_LOOKS)
