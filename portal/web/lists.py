"""Lists, a slice at a time: `limit` and an opaque `cursor` come in, the address of the next slice goes out.

A cursor is the sort key of the last row shown, so rows that arrive meanwhile move nothing.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from flask import request

from portal.domain.errors import ValidationError
from portal.web.filters import replaced_url

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
_WHOLE_MAX = 2**31 - 1  # what an id column holds

Part: TypeAlias = str | int | dt.date
Key: TypeAlias = tuple[Part, ...]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Slice:
    """How many rows are wanted, and the sort key of the row they come after (None: from the start)."""

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
    """What a page with a list knows about the next slice; `renders` puts its address into `Link`."""

    next_key: Key | None = None

    @property
    def next_link(self) -> str | None:
        return None if self.next_key is None else link_after(self.next_key)


def asked_slice(*kinds: type[Part]) -> Slice:
    """Read `limit` and `cursor` from the query; `kinds` are the types of the sort key, in order."""
    limit, cursor = request.args.get("limit"), request.args.get("cursor")
    return Slice(
        _limit(limit) if limit else LIMIT_DEFAULT,
        _key(cursor, kinds) if cursor else None,
    )


def link_after(key: Key) -> str:
    """Return this list's own address with the cursor of the slice after `key`."""
    return replaced_url(cursor=cursor_of(key))


def cursor_of(key: Key) -> str:
    parts = [part.isoformat() if isinstance(part, dt.date) else part for part in key]
    text = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise ValidationError({"limit": [f"is not a whole number from 1 to {LIMIT_MAX}"]})


def _key(cursor: str, kinds: Sequence[type[Part]]) -> Key:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValidationError({"cursor": ["is not one that a list has given out"]}) from error


def _part(part: object, kind: type[Part]) -> Part:
    if kind is dt.date and isinstance(part, str):
        return dt.date.fromisoformat(part)
    if kind is int and type(part) is int and 0 <= part <= _WHOLE_MAX:
        return part
    if kind is str and isinstance(part, str) and "\0" not in part:
        part.encode()  # a lone surrogate is no text
        return part
    raise ValueError(part)
