"""Sums the rows of an export by sub account, product and hour, on disk: it may have any size and order."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from portal.domain.rating import ENTRY_MAX_NANO

_BATCH = 10_000
_SATURATED = ENTRY_MAX_NANO + 1  # sums stop here, so that 64 bits always hold them
_SCHEMA = """
CREATE TABLE cell (
    hour INTEGER, project INTEGER, product INTEGER, quantity INTEGER, line TEXT,
    PRIMARY KEY (hour, project, product)
) STRICT, WITHOUT ROWID
"""
_ADD = """
INSERT INTO cell VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET quantity = MIN(quantity + excluded.quantity, ?)
"""


class Cell(NamedTuple):
    """A project's usage of a product in an hour; `line` is its first position in the export."""

    hour: int
    project: int
    product: int
    quantity_nano: int
    line: str


class Span(NamedTuple):
    """A project and a product, and the first hour that it was used in."""

    project: int
    product: int
    first_hour: int


class Staging:
    """A table of cells that is thrown away afterwards."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base
        self._waiting: list[Cell] = []

    def add(self, cell: Cell) -> None:
        self._waiting.append(cell)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def too_large(self) -> Sequence[Cell]:
        """Return and leave out the cells whose sum is more than an entry may hold."""
        self._flush()
        query = "SELECT * FROM cell WHERE quantity > ? ORDER BY hour, project, product"
        cells = [Cell(*row) for row in self._base.execute(query, [ENTRY_MAX_NANO])]
        self._base.execute("DELETE FROM cell WHERE quantity > ?", [ENTRY_MAX_NANO])
        return cells

    def spans(self) -> Iterator[Span]:
        query = "SELECT project, product, MIN(hour) FROM cell GROUP BY project, product"
        yield from (Span(*row) for row in self._base.execute(query))

    def cells(self) -> Iterator[Cell]:
        """Yield the cells in the order of hours."""
        yield from (Cell(*row) for row in self._base.execute("SELECT * FROM cell ORDER BY hour"))

    def _flush(self) -> None:
        self._base.executemany(_ADD, [(*cell, _SATURATED) for cell in self._waiting])
        self._waiting.clear()


@contextmanager
def staging() -> Iterator[Staging]:
    """Open an empty table in a file of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="portal-import-") as home:
        base = sqlite3.connect(Path(home) / "staging.sqlite", isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode=OFF")
            base.execute("PRAGMA synchronous=OFF")
            base.execute(_SCHEMA)
            yield Staging(base)
        finally:
            base.close()
