"""A fresh copy of the world's database for each try, on SQLite and on PostgreSQL."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.crash.children import in_child
from tests.crash.victim import Place, build
from tests.postgres import Server, throw_away_server


@dataclass(frozen=True)
class Sqlite:
    """A directory with the world's file."""

    home: Path
    name: str = "SQLite"
    has_memory_provider: bool = False  # instead of EasyBill

    @contextmanager
    def fresh(self) -> Iterator[str]:
        path = self.home / uuid4().hex / "portal.sqlite"
        path.parent.mkdir()
        shutil.copy(self.home / "world.sqlite", path)
        try:
            yield f"sqlite:///{path}"
        finally:
            shutil.rmtree(path.parent)


@dataclass(frozen=True)
class Postgres:
    """A server with the world's database, to be copied from."""

    server: Server
    name: str = "PostgreSQL"
    has_memory_provider: bool = False

    @contextmanager
    def fresh(self) -> Iterator[str]:
        database = f"try_{uuid4().hex}"
        self._say(f"CREATE DATABASE {database} TEMPLATE portal")
        try:
            yield self.server.url_of(database)
        finally:
            self._say(f"DROP DATABASE {database} WITH (FORCE)")

    def _say(self, statement: str) -> None:
        address = self.server.url_of("postgres").replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


Database = Sqlite | Postgres


@contextmanager
def sqlite_world() -> Iterator[tuple[Sqlite, str]]:
    """Yield a database to copy, and the token of its collector."""
    with tempfile.TemporaryDirectory(prefix="portal-crash-") as name:
        home = Path(name)
        token = in_child(lambda: build(Place(f"sqlite:///{home / 'world.sqlite'}")))
        yield Sqlite(home), token


@contextmanager
def postgres_world() -> Iterator[tuple[Postgres, str]]:
    """Yield a server to copy from, and the token of its collector."""
    with throw_away_server() as server:
        token = in_child(lambda: build(Place(server.url)))
        yield Postgres(server), token
