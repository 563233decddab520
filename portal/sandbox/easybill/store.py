"""The sandbox's records: one SQLite table of JSON bodies, in a file or in memory."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from flask import current_app

from portal.sandbox.easybill.wire import Body, decode, encode, not_found

Span: TypeAlias = tuple[str, str] | None
"""What a filter lets through: a closed range of texts, or None for records without the field."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""

# Every condition must find one value of its field (an array has several) inside one of its spans.
_MATCHES = """
FROM record WHERE kind = :kind AND NOT EXISTS (
    SELECT 1 FROM json_each(:conditions) AS condition WHERE NOT EXISTS (
        SELECT 1
        FROM json_each(record.body, json_extract(condition.value, '$.path')) AS found,
             json_each(condition.value, '$.spans') AS span
        WHERE CASE WHEN span.type = 'null' THEN found.value IS NULL
            ELSE CAST(found.value AS TEXT)
                BETWEEN json_extract(span.value, '$[0]') AND json_extract(span.value, '$[1]') END
    )
)
"""
_COUNT = "SELECT count(*)" + _MATCHES
_PAGE = "SELECT body" + _MATCHES + "ORDER BY id LIMIT :limit OFFSET :offset"


@dataclass(frozen=True)
class Kind:
    """A sort of record: its name in EasyBill's error messages, and the id it starts after."""

    name: str
    first_id: int


# Document ids left 32 bits behind years ago, so a client that stores them smaller fails here too.
CUSTOMERS = Kind("Customer", 2_300_001_000)
DOCUMENTS = Kind("Document", 2_600_001_000)
ITEMS = Kind("DocumentPosition", 5_400_001_000)
PAYMENTS = Kind("DocumentPayment", 2_700_001_000)
POST_BOXES = Kind("PostBox", 400_001_000)
WEBHOOKS = Kind("WebHook", 51_000)


class Records:
    """The records as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def next_id(self, kind: Kind) -> int:
        return kind.first_id + self.next_in_series(f"id of {kind.name}")

    def next_in_series(self, name: str) -> int:
        """1, 2, 3, …: rolled back with the transaction, so that a series has no gaps."""
        row = self._connection.execute(
            "INSERT INTO series VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1"
            " RETURNING last",
            (name,),
        ).fetchall()[0]
        return int(row[0])

    def put(self, kind: Kind, body: Body) -> None:
        self._connection.execute(
            "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind.name, body["id"], encode(body)),
        )

    def find(self, kind: Kind, record_id: int) -> Body | None:
        if record_id >= 2**63:  # more than SQLite can be asked for
            return None
        row = self._connection.execute(
            "SELECT body FROM record WHERE kind = ? AND id = ?", (kind.name, record_id)
        ).fetchone()
        return None if row is None else _body(row[0])

    def get(self, kind: Kind, record_id: int) -> Body:
        """The record, or the recorded 404."""
        body = self.find(kind, record_id)
        if body is None:
            raise not_found(kind.name, record_id)
        return body

    def delete(self, kind: Kind, record_id: int) -> None:
        self.get(kind, record_id)
        self._connection.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind.name, record_id))

    def page(
        self, kind: Kind, filters: Mapping[str, Sequence[Span]], *, limit: int, offset: int = 0
    ) -> tuple[int, list[Body]]:
        """How many records pass every filter, and one page of them in the order of their ids."""
        conditions = [{"path": f"$.{field}", "spans": list(spans)} for field, spans in filters.items()]
        wanted = {"kind": kind.name, "conditions": encode(conditions), "limit": limit, "offset": offset}
        total = self._connection.execute(_COUNT, wanted).fetchone()[0]
        rows = self._connection.execute(_PAGE, wanted).fetchall()
        return total, [_body(text) for (text,) in rows]


class Store:
    """One connection, one transaction at a time."""

    def __init__(self, state: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            ":memory:" if state is None else state, isolation_level=None, check_same_thread=False, timeout=10
        )
        # The write-ahead log keeps every committed transaction when the process is killed.
        self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[Records]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Records(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _body(text: str) -> Body:
    body: Body = decode(text)
    return body


def transaction() -> AbstractContextManager[Records]:
    """The running app's store, for the length of one transaction."""
    store: Store = current_app.extensions["easybill.store"]
    return store.transaction()
