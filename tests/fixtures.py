"""The portal as its tests meet it: on SQLite and on PostgreSQL, with the sandboxes as its providers.

A plugin: `tests/conftest.py` loads it for the folders that need it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, update

from portal.access import sessions
from portal.app import create_app, real_providers
from portal.demo.mails import show_mails
from portal.domain.access import Preset
from portal.models import Account, UserSession
from portal.storage import db
from tests import rendering, tenancy
from tests.backends import Backend, Clock, never_wait_for_the_disk, on_postgres, on_sqlite
from tests.factories import make_account, make_member, make_organization
from tests.page import CheckingClient, client_of
from tests.postgres import own_database
from tests.settings import NOWHERE, Sandboxes, make_settings

pytest_plugins = ["tests.rows", "tests.stand_ins", "tests.proving"]
tenancy.watch()
rendering.watch()


@pytest.fixture(scope="session")
def sqlite_backend(sandboxes, tmp_path_factory) -> Iterator[Backend]:
    home = tmp_path_factory.mktemp("sqlite")
    with on_sqlite(home, partial(_portal, sandboxes, home)) as backend:
        yield backend


@pytest.fixture(scope="session")
def postgres_backend(postgres_url, sandboxes, tmp_path_factory) -> Iterator[Backend]:
    home = tmp_path_factory.mktemp("postgres")
    with on_postgres(postgres_url, partial(_portal, sandboxes, home)) as backend:
        yield backend


def _portal(sandboxes: Sandboxes, home: Path, url: str, clock: Clock) -> Flask:
    settings = make_settings(url, sandboxes, home)
    return show_mails(create_app(settings, providers=real_providers(settings), clock=clock))


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request, tmp_path) -> Iterator[Flask]:
    """The portal on a database of its own, without a table."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
        if request.param == "postgresql":
            url = stack.enter_context(own_database(request.getfixturevalue("postgres_url")))
        app = create_app(make_settings(url, NOWHERE, tmp_path))
        with app.app_context():
            event.listen(db.engine, "connect", never_wait_for_the_disk)
            yield app
            db.session.remove()
            db.engine.dispose()


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
