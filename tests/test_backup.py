"""A backup made while others write is whole, consistent, and can be restored; a plain copy is refused."""

import contextlib
import json
import re
import shutil
import sqlite3
import threading
from pathlib import Path

import flask_migrate
import psycopg
import pytest
from sqlalchemy import func, make_url, select

from portal.access import sessions
from portal.app import create_app
from portal.backup import manifest
from portal.backup import postgres as module
from portal.backup.database_copy import backup, place_of, restore
from portal.backup.errors import BackupError
from portal.backup.manifest import ManifestError
from portal.domain.keys import Keys
from portal.models import Invoice, LegalDocument, LegalDocumentFile, UsageDay, UsageHour, UserSession
from portal.storage import db
from tests.delivery.rows import Easybill, own_customer
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    make_account,
    make_organization,
    make_product,
    make_subscription,
    use,
    use_all_hours,
)
from tests.months import close, deliver, differences
from tests.settings import make_settings

KEYS = Keys(["a key of the tests' backups"])
ROUNDS = 2  # `make crash` has twenty


class Home:
    """A database of its own, and another place to restore it to."""

    def __init__(self, kind: str, url: str, other_url: str, sandboxes, path: Path) -> None:
        self.kind, self.url, self.other_url, self.path = kind, url, other_url, path
        self.app = create_app(make_settings(url, sandboxes, path))
        self.other_app = create_app(make_settings(other_url, sandboxes, path))
        self.easybill = Easybill(f"{sandboxes.easybill_url}/rest/v1")


@contextlib.contextmanager
def fresh_databases(kind, request, path):
    if kind == "sqlite":
        yield f"sqlite:///{path / 'portal.sqlite'}", f"sqlite:///{path / 'restored.sqlite'}"
        return
    server = request.getfixturevalue("postgres_url")
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    names = ("backup_from", "backup_to")
    with psycopg.connect(address, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield tuple(f"{server.rpartition('/')[0]}/{name}" for name in names)
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def home_on(kind, request, sandboxes, path):
    with fresh_databases(kind, request, path) as (url, other_url):
        home = Home(kind, url, other_url, sandboxes, path)
        try:
            yield home
        finally:
            for app in (home.app, home.other_app):
                with app.app_context():
                    db.session.remove()
                    db.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request, sandboxes, tmp_path):
    with home_on(request.param, request, sandboxes, tmp_path) as home:
        yield home


@pytest.fixture
def postgres_home(request, sandboxes, tmp_path):
    with home_on("postgresql", request, sandboxes, tmp_path) as home:
        yield home


def fill(home):
    """A month that is billed, with its legal document, and one that is not."""
    with home.app.app_context():
        flask_migrate.upgrade()
        organization = own_customer(make_organization("Acme GmbH"))
        subscription = make_subscription(organization, make_product("vm", "0.5"))
        use_all_hours(subscription, JANUARY)
        close(now=NOW, grace_days=3)
        deliver(home.easybill.gateway, now=NOW)
        use(subscription, {MARCH.start_hour: 1})
        db.session.remove()


@contextlib.contextmanager
def being_written(home):
    """Write usage without pause, each batch a transaction, until the block ends."""
    is_over, written, wrong = threading.Event(), threading.Event(), []

    def write() -> None:
        try:
            with home.app.app_context():
                organization = make_organization("Busy GmbH")
                subscription = make_subscription(organization, make_product("disk", "0.1"))
                hours = range(FEBRUARY.start_hour, MARCH.end_hour)
                for hour in hours:
                    use(subscription, dict.fromkeys(range(hour, min(hour + 5, hours.stop)), 3))
                    written.set()
                    if is_over.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - the test says it
            wrong.append(error)
        finally:
            written.set()
            with home.app.app_context():
                db.session.remove()

    thread = threading.Thread(target=write)
    thread.start()
    written.wait(30)
    try:
        yield
    finally:
        is_over.set()
        thread.join(30)
    assert wrong == []


def facts():
    found = db.session.execute(
        select(LegalDocument.number, LegalDocument.gross_cents, LegalDocumentFile.sha256).join(
            LegalDocumentFile, LegalDocumentFile.legal_document_id == LegalDocument.id
        )
    ).all()
    return [tuple(row) for row in found], db.session.scalars(select(Invoice.uid)).all()


def test_a_backup_under_write_load_is_restored_whole_and_verifies(home):
    fill(home)
    for number in range(ROUNDS):
        path = home.path / f"portal-{number}.backup"
        with being_written(home):
            size = backup(home.url, path, KEYS, now=NOW)
        assert size == path.stat().st_size > 0
        restore(home.other_url, path, KEYS, is_replacing=number > 0, now=NOW)

        with home.app.app_context():
            expected = facts()
            db.session.remove()
        with home.other_app.app_context():
            assert differences() == []
            assert facts() == expected
            hours = db.session.scalar(select(func.sum(UsageHour.quantity_nano)))
            assert hours == db.session.scalar(select(func.sum(UsageDay.quantity_nano)))
            db.session.remove()
            db.engine.dispose()


def test_a_restored_portal_finds_the_documents_that_its_backup_lacks(home):
    """The backup is older than the close: the month is closed anew, its document is not made twice."""
    with home.app.app_context():
        flask_migrate.upgrade()
        organization = own_customer(make_organization("Acme GmbH"))
        use_all_hours(make_subscription(organization, make_product("vm", "0.5")), JANUARY)
        backup(home.url, home.path / "early.backup", KEYS, now=NOW)
        close(now=NOW.replace(day=5), grace_days=3)
        deliver(home.easybill.gateway, now=NOW.replace(day=5))
        made = [each["id"] for each in home.easybill.documents(organization)]
        db.session.remove()

    restore(home.other_url, home.path / "early.backup", KEYS, is_replacing=False, now=NOW)
    with home.other_app.app_context():
        close(now=NOW, grace_days=3)
        assert deliver(home.easybill.gateway, now=NOW).delivered == 1
        document = db.session.scalars(select(LegalDocument)).one()
        assert [document.provider_document_id] == [str(each) for each in made]
        assert document.document_on.isoformat() == "2026-03-05"


def test_a_backup_never_replaces_a_file(home):
    path = home.path / "portal.backup"
    path.write_text("mine")
    with pytest.raises(BackupError, match="exists already"):
        backup(home.url, path, KEYS, now=NOW)
    assert path.read_text() == "mine"


def test_a_backup_is_readable_by_its_owner_alone_and_leaves_no_temporary_file(home):
    fill(home)
    backup(home.url, home.path / "portal.backup", KEYS, now=NOW)
    assert (home.path / "portal.backup").stat().st_mode & 0o077 == 0
    assert list(home.path.glob(".*")) == []


def test_a_restore_replaces_a_database_only_when_told_to(home):
    fill(home)
    path = home.path / "portal.backup"
    backup(home.url, path, KEYS, now=NOW)
    with pytest.raises(BackupError, match="--replace"):
        restore(home.url, path, KEYS, is_replacing=False, now=NOW)


def test_a_sqlite_file_that_a_restore_replaces_is_kept_beside_it(sandboxes, tmp_path):
    home = Home("sqlite", f"sqlite:///{tmp_path / 'portal.sqlite'}", "sqlite:///", sandboxes, tmp_path)
    fill(home)
    with home.app.app_context():
        db.engine.dispose()
    backup(home.url, tmp_path / "portal.backup", KEYS, now=NOW)
    restore(home.url, tmp_path / "portal.backup", KEYS, is_replacing=True, now=NOW)

    assert (tmp_path / f"portal.sqlite.before-{NOW:%Y%m%dT%H%M%S}").exists()
    with home.app.app_context():
        assert differences() == []
        db.session.remove()
        db.engine.dispose()


def test_a_left_write_ahead_log_is_never_played_into_the_restored_database(sandboxes, tmp_path):
    home = Home("sqlite", f"sqlite:///{tmp_path / 'portal.sqlite'}", "sqlite:///", sandboxes, tmp_path)
    fill(home)
    with home.app.app_context():
        db.engine.dispose()
    path = tmp_path / "portal.backup"
    backup(home.url, path, KEYS, now=NOW)
    (tmp_path / "portal.sqlite").unlink()
    (tmp_path / "portal.sqlite-wal").write_bytes(b"of another time")
    with pytest.raises(BackupError, match="--replace"):
        restore(home.url, path, KEYS, is_replacing=False, now=NOW)
    restore(home.url, path, KEYS, is_replacing=True, now=NOW)

    assert (tmp_path / f"portal.sqlite.before-{NOW:%Y%m%dT%H%M%S}-wal").exists()
    assert not (tmp_path / "portal.sqlite-wal").exists()


def test_a_restore_signs_out_the_sessions_of_the_backup(home):
    fill(home)
    with home.app.app_context():
        account = make_account()
        sessions.begin(account, now=NOW)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    backup(home.url, home.path / "portal.backup", KEYS, now=NOW)
    restore(home.url, home.path / "portal.backup", KEYS, is_replacing=True, now=NOW)

    with home.app.app_context():
        assert db.session.scalars(select(UserSession)).all() == []
        db.session.remove()
        db.engine.dispose()


def test_a_restore_tells_of_a_trigger_that_came_along(home):
    fill(home)
    is_sqlite = home.kind == "sqlite"
    action = "BEGIN DELETE FROM throttle; END" if is_sqlite else "EXECUTE FUNCTION refuse_change()"
    with home.app.app_context():
        with db.engine.begin() as connection:
            each = "" if is_sqlite else "FOR EACH ROW "
            connection.exec_driver_sql(f"CREATE TRIGGER evil AFTER INSERT ON throttle {each}{action}")
        db.engine.dispose()
    path = home.path / "portal.backup"
    backup(home.url, path, KEYS, now=NOW)
    found = restore(home.other_url, path, KEYS, is_replacing=False, now=NOW)
    assert found == ["schema: no migration makes trigger evil on throttle"]


def test_a_plain_copy_of_a_live_database_file_is_refused_as_a_backup(sandboxes, tmp_path):
    home = Home("sqlite", f"sqlite:///{tmp_path / 'portal.sqlite'}", "sqlite:///", sandboxes, tmp_path)
    fill(home)
    shutil.copy(tmp_path / "portal.sqlite", tmp_path / "copy.sqlite")
    with pytest.raises(BackupError, match="plain copy of a live database"):
        restore(
            f"sqlite:///{tmp_path / 'other.sqlite'}",
            tmp_path / "copy.sqlite",
            None,
            is_replacing=False,
            now=NOW,
        )
    assert not (tmp_path / "other.sqlite").exists()
    with home.app.app_context():
        db.engine.dispose()


def test_a_damaged_backup_is_refused(sandboxes, tmp_path):
    home = Home("sqlite", f"sqlite:///{tmp_path / 'portal.sqlite'}", "sqlite:///", sandboxes, tmp_path)
    fill(home)
    path = tmp_path / "portal.backup"
    backup(home.url, path, KEYS, now=NOW)
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 9 * 4096] = b"\x07" * (4 * 4096)
    path.write_bytes(content)
    with pytest.raises(BackupError):
        restore(f"sqlite:///{tmp_path / 'other.sqlite'}", path, None, is_replacing=False, now=NOW)
    assert not (tmp_path / "other.sqlite").exists()
    with home.app.app_context():
        db.engine.dispose()


def _replaced(path, change):
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(change(facts)))


@pytest.mark.parametrize(
    ("meddle", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "is not the file that was backed up"),
        (lambda path: manifest.path_of(path).unlink(), "nobody vouches"),
        (lambda path: manifest.path_of(path).write_text("[]"), "is no manifest"),
        (
            lambda path: _replaced(manifest.path_of(path), lambda facts: facts | {"bytes": 7}),
            "was not signed with AUDIT_KEY",
        ),
        (lambda path: manifest.write(path, path, Keys(["a stranger's key"]), now=NOW), "was not signed with"),
    ],
    ids=["longer", "without", "no manifest", "changed", "by a stranger"],
)
def test_a_backup_that_its_manifest_does_not_vouch_for_is_refused(sandboxes, tmp_path, meddle, sentence):
    home = Home("sqlite", f"sqlite:///{tmp_path / 'portal.sqlite'}", "sqlite:///", sandboxes, tmp_path)
    fill(home)
    path = tmp_path / "portal.backup"
    backup(home.url, path, KEYS, now=NOW)
    meddle(path)
    with pytest.raises(ManifestError, match=sentence):
        restore(f"sqlite:///{tmp_path / 'other.sqlite'}", path, KEYS, is_replacing=False, now=NOW)
    assert not (tmp_path / "other.sqlite").exists()
    with home.app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/portal.sqlite", "postgresql+psycopg://x@127.0.0.1:9/x"])
def test_a_file_that_is_no_backup_is_refused(url, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BackupError, match="is not a backup of"):
        restore(url, tmp_path / "notes.txt", None, is_replacing=True, now=NOW)
    with pytest.raises(BackupError, match="There is no file"):
        restore(url, tmp_path / "nothing", None, is_replacing=True, now=NOW)


def test_a_sqlite_file_of_another_program_is_refused_as_a_backup(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE song (name TEXT)")
        connection.commit()
    with pytest.raises(BackupError, match="not the portal's"):
        restore(
            f"sqlite:///{tmp_path / 'x.sqlite'}", tmp_path / "other.sqlite", None, is_replacing=False, now=NOW
        )


def by_socket(address):
    """The same database, with everything said in the query of the address."""
    url = make_url(address)
    with psycopg.connect(
        url.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as connection:
        (folder,) = connection.execute("SHOW unix_socket_directories").fetchone()
    return f"postgresql+psycopg:///?host={folder}&port={url.port}&dbname={url.database}&user={url.username}"


def tables_of(address):
    with psycopg.connect(make_url(address).set(drivername="postgresql").render_as_string()) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {name for (name,) in connection.execute(query)}


@pytest.mark.parametrize("form", [str, by_socket], ids=["host", "socket"])
def test_the_whole_address_says_which_database_and_no_variable_of_libpq(postgres_home, form, monkeypatch):
    home = postgres_home
    with home.app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    source, target = form(home.url), form(home.other_url)
    path = home.path / "portal.backup"
    for name, value in {"HOST": "127.0.0.1", "PORT": "9", "USER": "nobody"}.items():
        monkeypatch.setenv(f"PG{name}", value)

    monkeypatch.setenv("PGDATABASE", make_url(home.other_url).database)
    backup(source, path, KEYS, now=NOW)
    monkeypatch.setenv("PGDATABASE", make_url(home.url).database)
    restore(target, path, KEYS, is_replacing=False, now=NOW)

    assert "invoice" in tables_of(home.url)
    assert tables_of(home.url) == tables_of(home.other_url)
    with pytest.raises(BackupError, match="--replace"):
        restore(target, path, KEYS, is_replacing=False, now=NOW)


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"])
def test_a_variable_that_would_say_what_the_address_leaves_open_is_refused(variable, monkeypatch, tmp_path):
    monkeypatch.setenv(variable, "127.0.0.1")
    with pytest.raises(BackupError, match=f"{variable} is set, and the database's address says no"):
        backup("postgresql+psycopg://", tmp_path / "x.backup", KEYS, now=NOW)


def test_a_table_in_any_schema_is_replaced_only_when_told_to(postgres_home):
    home = postgres_home
    fill(home)
    backup(home.url, home.path / "portal.backup", KEYS, now=NOW)
    path = "options=-csearch_path%3Delsewhere"
    with pytest.raises(BackupError, match="--replace"):
        restore(f"{home.url}?{path}", home.path / "portal.backup", KEYS, is_replacing=False, now=NOW)


def test_the_place_of_a_database_is_named_without_its_password(postgres_url, tmp_path):
    url = make_url(postgres_url)
    told = url.set(password="very-secret").render_as_string(hide_password=False)
    assert place_of(told) == f"the database portal at 127.0.0.1, port {url.port}"
    assert re.fullmatch(
        rf"the database portal at the socket /\S+, port {url.port}", place_of(by_socket(postgres_url))
    )
    assert place_of(f"sqlite:///{tmp_path}/x.sqlite") == f"the file {tmp_path}/x.sqlite"


def test_a_password_in_the_query_is_given_to_a_program_by_the_environment_alone(monkeypatch, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$* and $PGPASSWORD and ${PGHOST-nothing}" >&2; exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("PGHOST", "elsewhere")
    url = "postgresql+psycopg://me@db/portal?sslmode=verify-full&sslrootcert=/ca.pem&password=very-secret"
    with pytest.raises(BackupError) as raised:
        backup(url, tmp_path / "x.backup", KEYS, now=NOW)
    arguments, _, environment = str(raised.value).partition(" and ")
    assert "sslmode=verify-full sslrootcert=/ca.pem" in arguments
    assert "very-secret" not in arguments
    assert environment == "very-secret and nothing"
    with pytest.raises(BackupError, match="sslpassword in the database's address would be shown"):
        backup(f"{url}&sslpassword=x", tmp_path / "x.backup", KEYS, now=NOW)
    with pytest.raises(BackupError, match="address cannot be used"):
        backup(f"{url}&colour=red", tmp_path / "x.backup", KEYS, now=NOW)
    with pytest.raises(BackupError, match="a port is a number"):
        backup(f"{url}&port=nine", tmp_path / "x.backup", KEYS, now=NOW)


def test_a_file_that_the_system_refuses_is_told_in_a_sentence(home):
    fill(home)
    too_long = home.path / ("x" * 300)
    with pytest.raises(BackupError, match=r"could not be written: .*: File name too long"):
        backup(home.url, too_long, KEYS, now=NOW)
    with pytest.raises(BackupError, match=r"could not be restored: .*: File name too long"):
        restore(home.other_url, too_long, KEYS, is_replacing=False, now=NOW)


def test_a_missing_program_for_the_backup_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(module.shutil, "which", lambda *_: None)
    monkeypatch.setattr(module.Path, "glob", lambda *_: iter(()))
    with pytest.raises(BackupError, match="pg_dump is not installed: apt-get install postgresql-client"):
        backup("postgresql+psycopg://portal:secret@127.0.0.1:9/portal", tmp_path / "x.backup", KEYS, now=NOW)


def test_an_error_of_pg_dump_is_shown_without_the_password(postgres_url, tmp_path):
    with pytest.raises(BackupError, match="pg_dump failed") as raised:
        backup(
            "postgresql+psycopg://portal:very-secret@127.0.0.1:9/portal", tmp_path / "x.backup", KEYS, now=NOW
        )
    assert "very-secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
