"""The sandbox's memory: one SQLite file, in which a request leaves all of its traces or none."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    list_key TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS object_in_lists ON object (kind, list_key, sequence);
CREATE TABLE IF NOT EXISTS spent_method (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS answer_of_key (
    idempotency_key TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    attempt_count INTEGER NOT NULL,
    due_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deed (
    id INTEGER PRIMARY KEY,
    deed TEXT NOT NULL,
    object_id TEXT NOT NULL,
    due_at REAL NOT NULL
);
"""

# The field by which Stripe lists objects of a kind.
LIST_KEYS = {
    "customer": "email",
    "mandate": "payment_method",
    "payment_method": "customer",
    "setup_attempt": "setup_intent",
    "event": "type",
}


@dataclass(frozen=True)
class KeptAnswer:
    """The answer an idempotency key was first given."""

    path: str
    request_digest: str
    request_id: str
    status: int
    body: str


@dataclass(frozen=True)
class Parcel:
    """An event on its way to one endpoint; `due_at` is in seconds since 1970."""

    id: int
    event_id: str
    endpoint_id: str
    attempt_count: int
    due_at: float


@dataclass(frozen=True)
class LaterDeed:
    """Something that happens by itself; `due_at` is in seconds since 1970."""

    id: int
    deed: str
    object_id: str
    due_at: float


class Store:
    """Every access holds the one lock: order is worth more than speed here."""

    def __init__(self, path: Path | None, late_seconds: float) -> None:
        """`late_seconds` is how long a bank takes that takes long."""
        self.late_seconds = late_seconds
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def save(self, thing: Object) -> None:
        kind = thing["object"]
        self._write(
            "INSERT INTO object (id, kind, list_key, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET list_key = excluded.list_key, body = excluded.body",
            (thing["id"], kind, thing.get(LIST_KEYS.get(kind, "")), json.dumps(thing)),
        )

    def find(self, kind: str, object_id: str) -> Object | None:
        row = self._read("SELECT body FROM object WHERE id = ? AND kind = ?", (object_id, kind))
        return json.loads(row[0][0]) if row else None

    def newest(self, kind: str, list_key: str | None = None) -> Iterator[Object]:
        """Lazily, newest first; read it inside a transaction."""
        query = "SELECT body FROM object WHERE kind = ? ORDER BY sequence DESC"
        values = [kind]
        if list_key is not None:
            query = "SELECT body FROM object WHERE kind = ? AND list_key = ? ORDER BY sequence DESC"
            values.append(list_key)
        for (body,) in self._connection.execute(query, values):
            yield json.loads(body)

    def remove(self, object_id: str) -> None:
        self._write("DELETE FROM object WHERE id = ?", (object_id,))

    def spend(self, payment_method_id: str) -> None:
        self._write("INSERT OR IGNORE INTO spent_method VALUES (?)", (payment_method_id,))

    def is_spent(self, payment_method_id: str) -> bool:
        return bool(self._read("SELECT 1 FROM spent_method WHERE id = ?", (payment_method_id,)))

    def keep_answer(self, idempotency_key: str, answer: KeptAnswer) -> None:
        self._write(
            "INSERT INTO answer_of_key VALUES (?, ?, ?, ?, ?, ?)",
            (
                idempotency_key,
                answer.path,
                answer.request_digest,
                answer.request_id,
                answer.status,
                answer.body,
            ),
        )

    def kept_answer(self, idempotency_key: str) -> KeptAnswer | None:
        rows = self._read(
            "SELECT path, request_digest, request_id, status, body FROM answer_of_key "
            "WHERE idempotency_key = ?",
            (idempotency_key,),
        )
        return KeptAnswer(*rows[0]) if rows else None

    def add_delivery(self, event_id: str, endpoint_id: str, due_at: float) -> None:
        self._write(
            "INSERT INTO delivery (event_id, endpoint_id, attempt_count, due_at) VALUES (?, ?, 0, ?)",
            (event_id, endpoint_id, due_at),
        )

    def next_delivery(self) -> Parcel | None:
        rows = self._read(
            "SELECT id, event_id, endpoint_id, attempt_count, due_at FROM delivery "
            "ORDER BY due_at, id LIMIT 1",
            (),
        )
        return Parcel(*rows[0]) if rows else None

    def retry_delivery(self, delivery_id: int, due_at: float) -> None:
        self._write(
            "UPDATE delivery SET attempt_count = attempt_count + 1, due_at = ? WHERE id = ?",
            (due_at, delivery_id),
        )

    def end_delivery(self, delivery_id: int) -> None:
        self._write("DELETE FROM delivery WHERE id = ?", (delivery_id,))

    def delivery_count(self) -> int:
        return int(self._read("SELECT count(*) FROM delivery", ())[0][0])

    def add_deed(self, deed: str, object_id: str, due_at: float) -> None:
        self._write("INSERT INTO deed (deed, object_id, due_at) VALUES (?, ?, ?)", (deed, object_id, due_at))

    def next_deed(self) -> LaterDeed | None:
        rows = self._read("SELECT id, deed, object_id, due_at FROM deed ORDER BY due_at, id LIMIT 1", ())
        return LaterDeed(*rows[0]) if rows else None

    def end_deed(self, deed_id: int) -> None:
        self._write("DELETE FROM deed WHERE id = ?", (deed_id,))

    def _read(self, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            self._connection.execute(statement, values)
