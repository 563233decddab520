"""Every test of rows runs on SQLite and on PostgreSQL, each as empty as its migrations leave it.

A plugin: what makes `sqlite_backend` and `postgres_backend`, the whole portal or its database alone, says
the folder or `tests/fixtures.py`.
"""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal.models import Organization
from portal.storage import db, set_reading
from tests.backends import Backend, Clock
from tests.factories import NOW, make_organization
from tests.postgres import throw_away_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with throw_away_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request) -> Backend:
    name = {"sqlite": "sqlite_backend", "postgresql": "postgres_backend"}[request.param]
    return request.getfixturevalue(name)


@pytest.fixture
def app(backend) -> Iterator[Flask]:
    backend.clock.at = NOW
    backend.app.extensions["portal.clock"] = backend.clock  # a test may have put another one there
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
