"""What requests with an `Idempotency-Key` were answered, for a day.

A key is reserved in the transaction of the effect, and the answer is kept with it: where the request
failed or its process died, the reservation is gone with the effect. A view that asks a provider commits
on the way: then the reservation is a lease, which an equal request may take over.
"""

import datetime as dt
from typing import NamedTuple

from sqlalchemy import ColumnElement

from portal.models import IdempotencyRecord
from portal.storage import change, db, insert_into, is_reading, remove, write_transaction

_KEPT_FOR = dt.timedelta(hours=24)
_LEASE = dt.timedelta(seconds=30)


class RecordKey(NamedTuple):
    """A caller's own key: `scope` names the caller."""

    scope: str
    key: str


def reserve(record_key: RecordKey, request_sha256: str, *, now: dt.datetime) -> bool:
    """Take a key that is free, whose time is over, or whose holder left it unanswered; False otherwise."""
    assert not is_reading(), "a key is reserved in a transaction that writes"
    reservation = {"request_sha256": request_sha256, "created_at": now, "leased_until": now + _LEASE}
    no_answer = {"status": None, "content_type": None, "location": None, "body": None}
    is_old = IdempotencyRecord.created_at <= now - _KEPT_FOR
    is_left = IdempotencyRecord.status.is_(None) & (IdempotencyRecord.leased_until <= now)
    taken = (
        insert_into(IdempotencyRecord)
        .values(scope=record_key.scope, key=record_key.key, **reservation, **no_answer)
        .on_conflict_do_update(
            index_elements=[IdempotencyRecord.scope, IdempotencyRecord.key],
            set_=reservation | no_answer,
            where=is_old | (is_left & (IdempotencyRecord.request_sha256 == request_sha256)),
        )
        .returning(IdempotencyRecord.key)
    )
    return db.session.scalar(taken.execution_options(populate_existing=True)) is not None


def record_of(record_key: RecordKey) -> IdempotencyRecord | None:
    """Return what is kept under a key, as the database has it now."""
    return db.session.get(IdempotencyRecord, tuple(record_key), populate_existing=True)


def keep(record_key: RecordKey, **answer: object) -> None:
    """Keep an answer (status, content_type, location, body) in the transaction of its effect."""
    change(IdempotencyRecord, _row(record_key), **answer)


def give_up(record_key: RecordKey) -> None:
    """Undo a reservation and its effect: a refusal leaves nothing, so the request can be sent again."""
    db.session.rollback()
    with write_transaction():
        remove(IdempotencyRecord, _row(record_key) & IdempotencyRecord.status.is_(None))


def forget_old(*, now: dt.datetime) -> None:
    """Delete the answers that are kept no longer."""
    remove(IdempotencyRecord, IdempotencyRecord.created_at <= now - _KEPT_FOR)


def _row(record_key: RecordKey) -> ColumnElement[bool]:
    return (IdempotencyRecord.scope == record_key.scope) & (IdempotencyRecord.key == record_key.key)
