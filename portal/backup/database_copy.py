"""Backup and restore of all there is: the database, which holds the documents too.

A copy is consistent while others write: SQLite's VACUUM INTO and pg_dump both read one snapshot. A plain
copy of a live SQLite file is not: it lacks what is still in the write-ahead log, so it is refused here.
"""

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, delete, inspect
from sqlalchemy.engine import URL, make_url

from portal.backup import manifest, postgres
from portal.backup.errors import BackupError, files_may_refuse
from portal.domain.keys import Keys
from portal.migrating import schema_differences
from portal.models import IdempotencyRecord, OutgoingMail, PasswordReset, UserSession

_SQLITE_MAGIC = b"SQLite format 3\0"
_POSTGRES_MAGIC = b"PGDMP"
_WAL_MARKS = slice(18, 20)  # the header's write and read versions: 2 is a write-ahead log
_HEADER_BYTES = 100
_BUSY_SECONDS = 60
_SIDE_FILES = ("-wal", "-shm")


def place_of(database_url: str) -> str:
    """Name the database of an address for people, never its password; PostgreSQL's has to answer."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return f"the file {Path(url.database or '').absolute()}"
    return postgres.place_of(url)


def backup(database_url: str, path: Path, keys: Keys, *, now: dt.datetime) -> int:
    """Write a backup into a new file with a manifest beside it, and return its bytes.

    The file appears whole or not at all, and never without its manifest.
    """
    url = make_url(database_url)
    partial = path.with_name(f".{path.name}.partial")
    with files_may_refuse("The backup could not be written"):
        if path.exists():
            raise BackupError(f"{path} exists already; a backup never replaces another.")
        try:
            _copy(url, partial)
            manifest.write(partial, path, keys, now=now)
            partial.rename(path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)
        return path.stat().st_size


def _copy(url: URL, partial: Path) -> None:
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    if url.get_backend_name() == "sqlite":
        _copy_sqlite(Path(url.database or ""), partial)
    else:
        postgres.run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}")
    _sync(partial)


def restore(
    database_url: str, path: Path, keys: Keys | None, *, is_replacing: bool, now: dt.datetime
) -> Sequence[str]:
    """Make the database what a backup says, and return where its schema is not what the migrations make.

    It must not be in use meanwhile.

    The backup is the one for which its manifest vouches by one of the keys; without keys nobody asks.
    A database that is there already is only replaced when told so; SQLite's stays beside it under another
    name, PostgreSQL's is replaced in one transaction.
    """
    url = make_url(database_url)
    with files_may_refuse("The backup could not be restored"):
        header = _header_of_vouched(path, keys)
        if url.get_backend_name() == "sqlite":
            _refuse_other(path, header, "SQLite", _SQLITE_MAGIC)
            _restore_sqlite(path, header, Path(url.database or ""), is_replacing=is_replacing, now=now)
        else:
            _refuse_other(path, header, "PostgreSQL", _POSTGRES_MAGIC)
            _restore_postgres(path, url, is_replacing=is_replacing)
    differences = _schema_differences(url)
    _forget_who_was_signed_in(url)
    return differences


def _schema_differences(url: URL) -> Sequence[str]:
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return list(schema_differences(connection))
    finally:
        engine.dispose()


def _forget_who_was_signed_in(url: URL) -> None:
    """Delete the sessions, codes and waiting mails of the backup's time: some were ended since, some sent."""
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.begin() as connection:
            known = inspect(connection).get_table_names()
            for model in (UserSession, PasswordReset, OutgoingMail, IdempotencyRecord):
                if model.__tablename__ in known:
                    connection.execute(delete(model))
    finally:
        engine.dispose()


def _header_of_vouched(path: Path, keys: Keys | None) -> bytes:
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    if keys is not None:
        manifest.check(path, keys)
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _refuse_other(path: Path, header: bytes, kind: str, magic: bytes) -> None:
    if not header.startswith(magic):
        raise BackupError(f"{path} is not a backup of {kind}, which the address of the database names.")


def _copy_sqlite(database: Path, partial: Path) -> None:
    if not database.exists():
        raise BackupError(f"There is no database {database}.")
    try:
        with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(partial),))
        _refuse_damage(partial)
    except sqlite3.Error as error:
        raise BackupError(f"SQLite could not make the copy: {error}.") from error


def _refuse_damage(path: Path) -> None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        is_ours = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    if verdict != "ok":
        raise BackupError(f"{path} is damaged: {verdict}.")
    if not is_ours:
        raise BackupError(f"{path} is a database, but not the portal's.")


def _restore_sqlite(
    path: Path, header: bytes, database: Path, *, is_replacing: bool, now: dt.datetime
) -> None:
    if header[_WAL_MARKS] != b"\x01\x01":
        raise BackupError(
            f"{path} is a plain copy of a live database: what was still in its write-ahead log is missing."
            " Make backups with `billing backup`."
        )
    try:
        _refuse_damage(path)
    except sqlite3.Error as error:
        raise BackupError(f"{path} cannot be read: {error}.") from error
    old = [file for suffix in ("", *_SIDE_FILES) if (file := Path(f"{database}{suffix}")).exists()]
    if old and not is_replacing:
        raise BackupError(f"{old[0]} exists already; say --replace to put it aside.")
    database.parent.mkdir(parents=True, exist_ok=True)
    fresh = database.with_name(f".{database.name}.restoring")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    shutil.copyfile(path, fresh)
    _sync(fresh)
    for file in old:  # a log belongs to its database: beside the restored one it would be played into it
        suffix = file.name.removeprefix(database.name)
        file.rename(database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%S}{suffix}"))
    fresh.rename(database)
    _sync(database.parent)


def _restore_postgres(path: Path, url: URL, *, is_replacing: bool) -> None:
    if not is_replacing and postgres.has_tables(url):
        raise BackupError("The database has tables already; say --replace to replace them.")
    options = "--clean --if-exists --no-owner --no-privileges --single-transaction --exit-on-error".split()
    postgres.run("pg_restore", url, *options, str(path))


def _sync(path: Path) -> None:
    """See to it that a file, or the names in a directory, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
