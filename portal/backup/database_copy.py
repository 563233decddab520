"""Backup and restore of all there is: the database, which holds the documents too.

A copy is consistent while others write: SQLite's VACUUM INTO and pg_dump both read one snapshot. A plain
copy of a live SQLite file is not: it lacks what is still in the write-ahead log, so it is refused here.
"""

import datetime as dt
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from sqlalchemy import create_engine, delete, inspect
from sqlalchemy.engine import URL, make_url

from portal.backup import manifest
from portal.domain.errors import BillingError
from portal.domain.keys import Keys
from portal.migrating import schema_differences
from portal.models import IdempotencyRecord, OutgoingMail, PasswordReset, UserSession

_SQLITE_MAGIC = b"SQLite format 3\0"
_POSTGRES_MAGIC = b"PGDMP"
_WAL_MARKS = slice(18, 20)  # the header's write and read versions: 2 is a write-ahead log
_HEADER_BYTES = 100
_BUSY_SECONDS = 60
_SIDE_FILES = ("-wal", "-shm")


class BackupError(BillingError):
    """The backup could not be made or restored."""


def backup(database_url: str, path: Path, keys: Keys, *, now: dt.datetime) -> int:
    """Write a backup into a new file with a manifest beside it, and return its bytes.

    The file appears whole or not at all, and never without its manifest.
    """
    if path.exists():
        raise BackupError(f"{path} exists already; a backup never replaces another.")
    url = make_url(database_url)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.touch(mode=0o600)
        if url.get_backend_name() == "sqlite":
            _copy_sqlite(Path(url.database or ""), partial)
        else:
            _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={partial}")
        _sync(partial)
        manifest.write(partial, path, keys, now=now)
        partial.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise BackupError(f"The backup could not be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


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
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    if keys is not None:
        manifest.check(path, keys)
    header = _header(path)
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


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)


def _refuse_other(path: Path, header: bytes, kind: str, magic: bytes) -> None:
    if not header.startswith(magic):
        raise BackupError(f"{path} is not a backup of {kind}, which DATABASE_URL names.")


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
    if not is_replacing and _has_tables(url):
        raise BackupError("The database has tables already; say --replace to replace them.")
    options = "--clean --if-exists --no-owner --no-privileges --single-transaction --exit-on-error".split()
    _run("pg_restore", url, *options, f"--dbname={url.database}", str(path))


def _has_tables(url: URL) -> bool:
    try:
        with psycopg.connect(_address(url), connect_timeout=10) as connection:
            query = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
            return connection.execute(query).fetchone() is not None
    except psycopg.Error as error:
        raise BackupError("The database does not answer.") from error


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, which others cannot read."""
    environment = os.environ | _environment_of(url)
    command = [_program(program), *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        error_lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupError(f"{program} failed: {error_lines[0] if error_lines else done.returncode}")


def _environment_of(url: URL) -> dict[str, str]:
    """Say the whole address as PostgreSQL's programs are told it, also what stands behind the ?."""
    variables = {option.keyword: option.envvar for option in Conninfo.get_defaults() if option.envvar}
    address = conninfo_to_dict(_address(url))
    return {
        variable.decode(): str(value)
        for keyword, variable in variables.items()
        if (value := address.get(keyword.decode())) is not None
    }


def _address(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _program(name: str) -> str:
    """Return where a program of PostgreSQL's is; the newest, which can read older servers."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]), reverse=True
    )
    path = shutil.which(name) or (str(installed[0]) if installed else None)
    if path is None:
        raise BackupError(f"{name} is not installed: apt-get install postgresql-client.")
    return path


def _sync(path: Path) -> None:
    """See to it that a file, or the names in a directory, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
