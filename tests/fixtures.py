"""The portal as its tests meet it: on SQLite and on PostgreSQL, with the sandboxes as its providers.

A plugin: `tests/conftest.py` loads it for the folders that need it.
"""

from __future__ import annotations

import datetime as dt
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text, update
from waitress.server import create_server

from portal.access import sessions
from portal.app import create_app, real_providers
from portal.domain.access import Preset
from portal.models import Account, Organization, UserSession
from portal.sandbox import easybill, stripe
from portal.storage.database import db, set_reading
from tests import easybill_description, tenancy
from tests.factories import NOW, make_account, make_member, make_organization
from tests.page import CheckingClient, client_of
from tests.postgres import throw_away_postgres
from tests.sandbox.stripe_watch import deviations_from_stripe  # noqa: F401 -- watches every test
from tests.settings import Sandboxes, make_settings

tenancy.watch()


@dataclass
class Clock:
    """The time of a test: it stands still until it is moved."""

    at: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.at


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Sandboxes]:
    """Stripe and EasyBill, as servers on loopback; EasyBill's answers are as its description says."""
    easybill_app = easybill.create_app()
    faults = easybill_description.watch(easybill_app)
    servers = [
        create_server(each, host="127.0.0.1", port=0, threads=4)
        for each in (stripe.create_app(), easybill_app)
    ]
    threads = [threading.Thread(target=each.run, daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    urls = [f"http://127.0.0.1:{each.effective_port}" for each in servers]
    yield Sandboxes(*urls)
    for each in servers:
        each.close()
    assert not faults, sorted(set(faults))


@dataclass
class Backend:
    """One migrated database with an app on it; emptied before each test."""

    app: Flask
    clock: Clock
    empty: Callable[[], None]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with throw_away_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_backend(postgres_url, sandboxes, tmp_path_factory) -> Iterator[Backend]:
    backend = _backend(postgres_url, sandboxes, tmp_path_factory.mktemp("postgres"))

    def empty() -> None:
        with db.engine.begin() as connection:  # deleting from small tables is faster than TRUNCATE
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())

    backend.empty = empty
    yield backend
    _close(backend)


@pytest.fixture(scope="session")
def sqlite_backend(sandboxes, tmp_path_factory) -> Iterator[Backend]:
    home = tmp_path_factory.mktemp("sqlite")
    path, fresh = home / "portal.sqlite", home / "fresh.sqlite"
    backend = _backend(f"sqlite:///{path}", sandboxes, home)
    with backend.app.app_context():
        db.engine.dispose()
    shutil.copy(path, fresh)

    def empty() -> None:
        db.engine.dispose()
        for extra in home.glob("portal.sqlite*"):
            extra.unlink()
        shutil.copy(fresh, path)

    backend.empty = empty
    yield backend
    _close(backend)


def _close(backend: Backend) -> None:
    with backend.app.app_context():
        db.engine.dispose()


def _backend(url: str, sandboxes: Sandboxes, home: Path) -> Backend:
    clock = Clock()
    settings = make_settings(url, sandboxes, home)
    app = create_app(settings, providers=real_providers(settings), clock=clock)
    with app.app_context():
        flask_migrate.upgrade()
    return Backend(app, clock, lambda: None)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request) -> Backend:
    name = {"sqlite": "sqlite_backend", "postgresql": "postgres_backend"}[request.param]
    return request.getfixturevalue(name)


@pytest.fixture
def app(backend) -> Iterator[Flask]:
    backend.clock.at = NOW
    set_reading(is_reading=False)  # the last request of another test may have left it on
    with backend.app.app_context():
        backend.empty()
        yield backend.app
        db.session.remove()


@pytest.fixture
def clock(app, backend) -> Clock:
    return backend.clock


@pytest.fixture
def acme(app) -> Organization:
    """Our customer."""
    return make_organization("Acme GmbH")


@pytest.fixture
def mallory(app) -> Account:
    """An admin of another organization, who must never see anything of Acme's."""
    return make_member(make_organization("Mallory Ltd"), Preset.ADMIN, make_account("mallory@example.org"))


@pytest.fixture
def sign_in(app, clock) -> Callable[[Account], CheckingClient]:
    def stay_signed_in() -> None:
        """A test that moves the clock is about something else than the end of a session."""
        now = dict.fromkeys(("created_at", "seen_at", "confirmed_at"), clock.at)
        db.session.execute(update(UserSession).values(now))

    def as_(account: Account) -> CheckingClient:
        client = client_of(app)
        client.before_each = stay_signed_in
        with client.session_transaction() as session:
            session["_user_id"] = sessions.begin(account, now=clock.at)
        db.session.commit()
        return client

    return as_


@pytest.fixture
def admin(acme, sign_in) -> CheckingClient:
    return sign_in(make_member(acme, Preset.ADMIN))


@pytest.fixture
def viewer(acme, sign_in) -> CheckingClient:
    return sign_in(make_member(acme, Preset.VIEWER))


@pytest.fixture
def operator(acme, sign_in) -> CheckingClient:
    """A member who may not read billing."""
    return sign_in(make_member(acme, Preset.OPERATOR))


@pytest.fixture
def nobody(app) -> CheckingClient:
    """Somebody who is not signed in."""
    return client_of(app)
