"""A migration waits for its locks in short tries: behind one that waits, everybody else waits too."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

LONGEST_LOCK = "2s"
_TRIES_MAX = 60
_PAUSE_SECONDS = 5
_KEY = 0x706F7274616C  # of the lock that one upgrade holds: "portal"

_HOLDERS = text(
    "SELECT pid, application_name, state, extract(epoch FROM now() - xact_start)::int, left(query, 80)"
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN ("
    "  SELECT pid FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE granted AND relname = ANY(:words)"
    ") ORDER BY xact_start LIMIT 3"
)


class StillLockedError(RuntimeError):
    """Others held a lock for longer than an upgrade waits. What it had done is done; it can be run again."""


def patiently(migrate: Callable[[], None], connection: Connection | None = None) -> None:
    """Migrate, again after a pause where a lock was not to be had, and say what it waits for.

    On PostgreSQL `connection` is the one that migrates; SQLite cannot say who has the lock.
    """
    for number in range(1, _TRIES_MAX + 1):
        try:
            migrate()
        except OperationalError as error:
            if not _is_about_a_lock(error):
                raise
            blocked = _blocked(error, connection)
            click.echo(f"waiting for a lock, try {number} of {_TRIES_MAX}: {blocked}", err=True)
            if number == _TRIES_MAX:
                raise StillLockedError(f"No lock to be had: {blocked}. Run the upgrade again.") from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _is_about_a_lock(error: OperationalError) -> bool:
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorname.startswith("SQLITE_BUSY")
    return isinstance(error.orig, (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected))


def _blocked(error: OperationalError, connection: Connection | None) -> str:
    if connection is None:
        return "another process writes to the database"
    connection.rollback()
    statement = " ".join((error.statement or "").split())
    rows = connection.execute(_HOLDERS, {"words": re.findall(r"\w+", statement)}).all()
    connection.rollback()
    holders = [
        f"process {pid} {name!r} ({state} for {seconds} s: {query})"
        for pid, name, state, seconds, query in rows
    ]
    return f"{statement[:120]}; held by {', '.join(holders) or 'nobody any more'}"


@contextmanager
def one_at_a_time(connection: Connection) -> Iterator[None]:
    """Let one upgrade of a PostgreSQL database run at a time; a second one then finds nothing to do.

    No transaction is open while it waits: one would keep the first from building an index. A run that fails
    loses the lock with its connection.
    """
    for number in range(1, _TRIES_MAX + 1):
        if _try_lock(connection):
            break
        click.echo(f"another upgrade is running, try {number} of {_TRIES_MAX}", err=True)
        if number == _TRIES_MAX:
            raise StillLockedError("Another upgrade is running.")
        time.sleep(_PAUSE_SECONDS)
    yield
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
    connection.commit()


def _try_lock(connection: Connection) -> bool:
    is_ours = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one()
    connection.commit()
    return bool(is_ours)
