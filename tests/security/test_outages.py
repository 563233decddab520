"""The database is gone, full, read-only or held: 503 until it is back, and nothing half done (R20)."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, func, select

import portal.app
from portal.access import sessions
from portal.account.directory import add_collector
from portal.app import create_app, real_providers
from portal.domain.period import start_of_hour
from portal.models import UsageHour
from portal.storage import db, engine_options, reading
from tests.factories import (
    JANUARY,
    NOW,
    make_member,
    make_organization,
    make_product,
    make_subscription,
    make_token,
)
from tests.page import JSON, bearer
from tests.postgres import Server, throw_away_server
from tests.security.sizes import sized
from tests.settings import make_settings


@dataclass
class Site:
    """A portal on a database of its own, and somebody who reports to it and looks at it."""

    app: Flask
    token: str
    collector: str
    subscription: str
    session_id: str
    reported: int = 0

    def look(self):
        return self.app.test_client().get("/subscriptions", headers=bearer(self.token))

    def browse(self, number: int):
        """Look at a page, or send a form, as somebody who is signed in."""
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = self.session_id
        return client.get(("/", "/account", "/nowhere", "/subscriptions")[number % 4])

    def page(self):
        return self.app.test_client().get("/login")

    def report(self, rows: int = 1):
        """Report hours that nobody reported before; what was refused is reported again."""
        entries = [
            {"subscription_id": self.subscription, "hour": hour_text(self.reported + row), "quantity": "1"}
            for row in range(rows)
        ]
        answer = self.app.test_client().post(
            "/billing/usage", data=json.dumps(entries), headers=bearer(self.collector) | JSON,
            content_type="application/json",
        )  # fmt: skip
        if answer.status_code == 200:
            self.reported += rows
        return answer

    def kept(self) -> int:
        with self.app.app_context(), reading():
            return db.session.scalar(select(func.count()).select_from(UsageHour))


def hour_text(number: int) -> str:
    return f"{start_of_hour(JANUARY.start_hour + number):%Y-%m-%dT%H:%M:%SZ}"


def site_on(url: str, sandboxes, var) -> Site:
    settings = make_settings(url, sandboxes, var)
    app = create_app(settings, providers=real_providers(settings), clock=lambda: NOW)
    with app.app_context():
        flask_migrate.upgrade()
        acme = make_organization("Acme GmbH")
        member = make_member(acme)
        token = make_token(acme, member)
        subscription = make_subscription(acme, make_product())
        collector = add_collector("region one", now=NOW)
        session_id = sessions.begin(member, now=NOW)
        db.session.commit()
        return Site(app, token, collector, str(subscription.uid), session_id)


@contextmanager
def closed(site: Site) -> Iterator[Site]:
    try:
        yield site
    finally:
        with site.app.app_context():
            db.session.remove()
            db.engine.dispose()


def refused(answer) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Traceback" not in answer.text
    assert "sqlite" not in answer.text.lower()
    assert "psycopg" not in answer.text.lower()


def well(site: Site) -> None:
    assert site.look().status_code == 200
    assert site.report().status_code == 200
    assert site.kept() == site.reported


# -- SQLite ---------------------------------------------------------------------------------------------
@pytest.fixture
def on_sqlite(sandboxes, tmp_path) -> Iterator[Site]:
    with closed(site_on(f"sqlite:///{tmp_path / 'own.sqlite'}", sandboxes, tmp_path)) as site:
        with site.app.app_context():
            event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=200"))
            db.engine.dispose()
        yield site


@contextmanager
def told(site: Site, before: str, after: str) -> Iterator[None]:
    """Give every new connection a PRAGMA, and then another."""
    with site.app.app_context():
        said = [before]

        def prepare(raw: sqlite3.Connection, record: object) -> None:
            raw.execute(said[0])

        event.listen(db.engine, "connect", prepare)
        db.session.remove()
        db.engine.dispose()
        yield
        said[0] = after
        db.session.remove()
        db.engine.dispose()


def test_a_full_disk_refuses_writes_and_still_reads(on_sqlite, proves):
    well(on_sqlite)
    with told(on_sqlite, "PRAGMA max_page_count=1", "PRAGMA max_page_count=1073741823"):
        answers = [on_sqlite.report(rows=200) for _ in range(6)]
        assert [answer for answer in answers if answer.status_code != 200], "it never became full"
        for answer in answers:
            if answer.status_code != 200:
                refused(answer)
        assert on_sqlite.look().status_code == 200
        assert on_sqlite.kept() == on_sqlite.reported
    well(on_sqlite)
    proves("R20 SQLite: disk full: 503, nothing acknowledged that is not kept, well again without a restart")


def test_a_read_only_disk_refuses_writes_and_still_reads(on_sqlite, proves):
    well(on_sqlite)
    with told(on_sqlite, "PRAGMA query_only=ON", "PRAGMA query_only=OFF"):
        refused(on_sqlite.report())
        assert on_sqlite.page().status_code == 200
        assert on_sqlite.kept() == on_sqlite.reported
    well(on_sqlite)
    proves("R20 SQLite: disk read-only: 503 for what writes, pages as ever, well again")


def test_a_held_lock_of_sqlite_makes_writes_503_and_leaves_reads_alone(on_sqlite, tmp_path, proves):
    well(on_sqlite)
    holder = sqlite3.connect(tmp_path / "own.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        refused(on_sqlite.report())
        assert on_sqlite.look().status_code == 200
        assert on_sqlite.page().status_code == 200
    finally:
        holder.close()
    well(on_sqlite)
    proves("R20 SQLite: lock held: 503 for what writes, pages as ever, well again")


# -- PostgreSQL -----------------------------------------------------------------------------------------
@pytest.fixture
def server() -> Iterator[Server]:
    with throw_away_server() as server:
        yield server


@pytest.fixture
def on_postgres(server, sandboxes, tmp_path, monkeypatch) -> Iterator[Site]:
    def impatient(url: str) -> dict:
        options = engine_options(url)
        arguments = options["connect_args"]
        return options | {
            "connect_args": arguments | {"options": arguments["options"].replace("=10s", "=200ms")}
        }

    monkeypatch.setattr(portal.app, "engine_options", impatient)
    with closed(site_on(server.url, sandboxes, tmp_path)) as site:
        yield site


def say(server: Server, statement: str) -> None:
    address = server.url.replace("+psycopg", "")
    writes = "-c default_transaction_read_only=off"
    with psycopg.connect(address, autocommit=True, options=writes) as connection:
        connection.execute(statement)


def test_a_database_that_stops_is_503_until_it_is_back(on_postgres, server, proves):
    well(on_postgres)
    server.stop_at_once()
    try:
        for _ in range(3):
            refused(on_postgres.report())
            refused(on_postgres.look())
        assert on_postgres.app.test_client().get("/healthz").status_code == 200
        refused(on_postgres.app.test_client().get("/readyz"))
    finally:
        server.start()
    well(on_postgres)
    proves("R20 PostgreSQL: stopped at once: 503, well again without a restart, nothing lost")


def test_a_database_that_stops_during_reports_loses_no_acknowledged_entry(on_postgres, server, proves):
    acknowledged, seen, some, is_over = [], [], threading.Event(), threading.Event()

    def go_on_reporting() -> None:
        while not is_over.is_set():
            acknowledged.append(on_postgres.report().status_code)
            if acknowledged.count(200) == 3:
                some.set()

    def go_on_browsing() -> None:
        for number in count():
            if is_over.is_set():
                return
            seen.append(on_postgres.browse(number).status_code)

    browsing = [threading.Thread(target=work) for work in (go_on_reporting, go_on_browsing, go_on_browsing)]
    for thread in browsing:
        thread.start()
    assert some.wait(30)
    for _ in range(sized(2, 12)):
        server.stop_at_once()
        server.start()
    is_over.set()
    for thread in browsing:
        thread.join()
    assert set(acknowledged) <= {200, 503}
    assert set(seen) <= {200, 404, 503}
    assert seen
    kept = acknowledged.count(200)
    assert on_postgres.kept() >= kept
    well(on_postgres)
    proves(f"R20 PostgreSQL: stopped while {kept} batches were acknowledged: 0 lost")
    proves(
        f"R20 PostgreSQL: stopped while {len(seen)} pages were looked at: {seen.count(503)} of 503, 0 of 500"
    )


def test_a_read_only_database_refuses_writes_and_still_reads(on_postgres, server, proves):
    well(on_postgres)
    say(server, "ALTER DATABASE portal SET default_transaction_read_only = on")
    with on_postgres.app.app_context():
        db.engine.dispose()
    refused(on_postgres.report())
    assert on_postgres.page().status_code == 200
    say(server, "ALTER DATABASE portal RESET ALL")
    with on_postgres.app.app_context():
        db.engine.dispose()
    well(on_postgres)
    proves("R20 PostgreSQL: read-only: 503 for what writes, well again")


def test_a_held_lock_of_postgresql_makes_writes_503_and_leaves_reads_alone(on_postgres, server, proves):
    well(on_postgres)
    with psycopg.connect(server.url.replace("+psycopg", "")) as holder:
        holder.execute("LOCK TABLE counter IN ACCESS EXCLUSIVE MODE")
        refused(on_postgres.report())
        assert on_postgres.look().status_code == 200
        holder.rollback()
    well(on_postgres)
    proves("R20 PostgreSQL: lock held: 503 for what writes, pages as ever, well again")
