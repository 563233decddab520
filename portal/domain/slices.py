"""Lists, a slice at a time: how many rows, the sort key they come after, and the key of the next slice.

A slice begins after the sort key of the last row shown, so rows that arrive meanwhile move nothing.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

LIMIT_DEFAULT = 50
LIMIT_MAX = 200

Part: TypeAlias = str | int | dt.date
Key: TypeAlias = tuple[Part, ...]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Slice:
    """How many rows are read, and the sort key of the row they come after (None: from the start)."""

    limit: int = LIMIT_DEFAULT
    after: Key | None = None

    @property
    def rows_to_read(self) -> int:
        """One row more than is shown tells whether there is a next slice."""
        return self.limit + 1

    def cut(self, rows: Sequence[Row], key: Callable[[Row], Key]) -> tuple[Sequence[Row], Key | None]:
        """Return the rows to show, and the key that the next slice comes after."""
        shown = rows[: self.limit]
        return shown, key(shown[-1]) if len(rows) > self.limit else None


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """A page with a list: `next_key` is what the next slice comes after, None where there is none."""

    next_key: Key | None = None
