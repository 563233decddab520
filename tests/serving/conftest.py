"""A database that is migrated and empty, for processes that serve."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.live import Serving, serving


@pytest.fixture(scope="session")
def migrated(sqlite_backend, tmp_path_factory) -> Path:
    """A folder with the demo's database, in which nobody has yet been."""
    var = tmp_path_factory.mktemp("serving")
    address = sqlite_backend.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    shutil.copy(Path(address).with_name("fresh.sqlite"), var / "portal.sqlite")
    return var


@pytest.fixture(scope="module")
def server(migrated) -> Iterator[Serving]:
    """One that the tests of a file share, behind one proxy."""
    with serving(migrated, PROXY_HOPS="1") as running:
        yield running
