"""The audit trail: changes of money or access, with actor, request, and the facts before and after.

Each row carries the keyed hash of itself and of the one before it (`audit_chain`): who has the database but
not the key cannot change, remove or insert one without being noticed.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select, tuple_

from portal.domain.secrets import scrubbed
from portal.ledger.audit_chain import GENESIS, Facts, keyed_hash
from portal.models import AuditEntry, draw_each, insert_rows
from portal.storage import db
from portal.timekeeping.clocks import utc_now


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a change: a person, a token, a provider, or the portal's own clock."""

    name: str
    account_uid: UUID | None = None
    request_id: str | None = None


class Change(NamedTuple):
    """A change of an organization's money or access; `subject` is the public name of the changed thing."""

    organization_id: int
    action: str
    subject: str
    before: Facts | None = None
    after: Facts | None = None


PORTAL = Actor("portal")


_actor: ContextVar[Actor] = ContextVar("_actor", default=PORTAL)
_clock: ContextVar[Callable[[], dt.datetime]] = ContextVar("_clock", default=utc_now)


def act_as(actor: Actor, clock: Callable[[], dt.datetime] = utc_now) -> None:
    """Set the actor and the clock of the changes recorded from here on in this context."""
    _actor.set(actor)
    _clock.set(clock)


def record(
    organization_id: int,
    action: str,
    subject: str,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Write one change down, in the transaction that makes it."""
    record_each([Change(organization_id, action, subject, before, after)])


def record_each(changes: Sequence[Change]) -> None:
    """Write changes down, in the transaction that makes them; those of an organization in their order."""
    if not changes:
        return
    db.session.flush()
    counts = Counter(change.organization_id for change in changes)
    drawn = draw_each(AuditEntry.__tablename__, counts)
    latest = _hashes_before(drawn)
    numbers = {organization_id: iter(ids) for organization_id, ids in drawn.items()}
    actor, at = _actor.get(), _clock.get()()
    rows = []
    for change in changes:
        organization_id = change.organization_id
        row = _row(change, next(numbers[organization_id]), actor, at, latest[organization_id])
        latest[organization_id] = str(row["sha256"])
        rows.append(row)
    insert_rows(AuditEntry, rows)


def _hashes_before(drawn: Mapping[int, range]) -> dict[int, str]:
    """Return the hash that the first new row of each organization follows."""
    last_ids = [(organization_id, numbers[0] - 1) for organization_id, numbers in drawn.items()]
    query = select(AuditEntry.organization_id, AuditEntry.sha256).where(
        tuple_(AuditEntry.organization_id, AuditEntry.id).in_(last_ids)
    )
    return dict.fromkeys(drawn, GENESIS) | dict(db.session.execute(query).all())


def _row(change: Change, number: int, actor: Actor, at: dt.datetime, previous: str) -> dict[str, object]:
    row: dict[str, object] = {
        **change._asdict(),
        "id": number,
        "uid": uuid4(),
        "at": at,
        "actor": scrubbed(actor.name),
        "account_uid": actor.account_uid,
        "request_id": actor.request_id,
        "subject": scrubbed(change.subject),
        "before": _plain(change.before),
        "after": _plain(change.after),
        "previous_sha256": previous,
    }
    return row | {"sha256": keyed_hash(row)}


def _plain(value: object) -> object:
    """Return a fact as JSON keeps it, without what must never be written down."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return scrubbed(value.isoformat() if isinstance(value, dt.date) else str(value))
