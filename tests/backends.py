"""An app on a migrated database that can be emptied before each test."""

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import event

from portal.storage import db
from tests.factories import NOW


@dataclass
class Clock:
    """The time of a test: it stands still until it is moved."""

    at: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.at


@dataclass
class Backend:
    """One migrated database with an app on it; emptied before each test."""

    app: Flask
    clock: Clock
    empty: Callable[[], None]


MakeApp = Callable[[str, Clock], Flask]  # on the database at an address, with a clock


@contextmanager
def on_postgres(url: str, make_app: MakeApp) -> Iterator[Backend]:
    deletes = "".join(f"DELETE FROM {table.name};" for table in reversed(db.metadata.sorted_tables))

    def empty() -> None:
        with db.engine.begin() as connection:  # deleting from small tables is faster than TRUNCATE
            connection.exec_driver_sql(f"SET LOCAL session_replication_role = replica; {deletes}")

    with _migrated(url, make_app, empty) as backend:
        yield backend


@contextmanager
def on_sqlite(home: Path, make_app: MakeApp) -> Iterator[Backend]:
    path, fresh = home / "portal.sqlite", home / "fresh.sqlite"

    def empty() -> None:
        db.engine.dispose()
        for extra in home.glob("portal.sqlite*"):
            extra.unlink()
        shutil.copy(fresh, path)

    with _migrated(f"sqlite:///{path}", make_app, empty) as backend:
        with backend.app.app_context():
            db.engine.dispose()
        shutil.copy(path, fresh)
        yield backend


@contextmanager
def _migrated(url: str, make_app: MakeApp, empty: Callable[[], None]) -> Iterator[Backend]:
    clock = Clock()
    app = make_app(url, clock)
    with app.app_context():
        event.listen(db.engine, "connect", never_wait_for_the_disk)
        flask_migrate.upgrade()
    yield Backend(app, clock, empty)
    with app.app_context():
        db.engine.dispose()


def never_wait_for_the_disk(connection, record) -> None:
    """No test of rows pulls the plug: a commit that waited for the disk was a quarter of the time."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")
