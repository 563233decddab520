"""The ledger on its database alone: no page, no provider, no sandbox."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from portal import keyring
from portal.config import ROOT
from portal.extensions import migrate
from portal.storage import db, engine_options
from tests.backends import Backend, Clock, on_postgres, on_sqlite
from tests.settings import NOWHERE, make_settings


@pytest.fixture(scope="session")
def sqlite_backend(tmp_path_factory) -> Iterator[Backend]:
    home = tmp_path_factory.mktemp("ledger")
    with on_sqlite(home, partial(_database_app, home)) as backend:
        yield backend


@pytest.fixture(scope="session")
def postgres_backend(postgres_url, tmp_path_factory) -> Iterator[Backend]:
    with on_postgres(postgres_url, partial(_database_app, tmp_path_factory.mktemp("ledger"))) as backend:
        yield backend


def _database_app(var: Path, url: str, clock: Clock) -> Flask:
    app = Flask("ledger")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    app.extensions["portal.settings"] = make_settings(url, NOWHERE, var)
    app.extensions["portal.clock"] = clock
    keyring.init_app(app, app.extensions["portal.settings"].audit_keys)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), compare_type=True)
    return app
