"""The shapes of answers do not depend on the database: SQLite is enough here."""

import pytest

from tests.openapi.contract import Contract


@pytest.fixture
def backend(sqlite_backend):
    return sqlite_backend


@pytest.fixture
def contract(app) -> Contract:
    return Contract(app)
