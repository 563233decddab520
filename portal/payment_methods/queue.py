"""What is still to be looked at: events that Stripe told us, and questions of our own.

Whoever claims one holds a lease for a minute. What fails is tried again later and later, and keeps
nobody else waiting. Each function is one short transaction, except `note`, which is part of its caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from portal.gateways.stripe_shapes import Event
from portal.models import Organization, StripeEvent
from portal.storage.database import db, reading

_LEASE = dt.timedelta(minutes=1)  # longer than one can take
_RETRY_FIRST = dt.timedelta(seconds=5)
_RETRY_MAX = dt.timedelta(hours=6)
_OUTAGE_MAX = dt.timedelta(seconds=30)  # when Stripe is back, nothing should wait much longer
_DOUBLINGS_MAX = 13
_BATCH = 200
_KEPT_FOR = dt.timedelta(days=40)  # longer than Stripe can tell an event again
_SHOWN_FOR = dt.timedelta(days=7)
_CHECKS_MAX = 20


def note(event: Event, *, now: dt.datetime) -> bool:
    """Keep an event by its id; return whether it is new."""
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = insert(StripeEvent).values(
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        customer_id=event.customer_id,
        is_live=event.is_live,
        received_at=now,
        attempts=0,
    )
    added = fresh.on_conflict_do_nothing(index_elements=[StripeEvent.event_id]).returning(
        StripeEvent.event_id
    )
    return db.session.scalar(added) is not None


def _check_id(customer_id: str, object_id: str) -> str:
    """Whoever comes back with an address of somebody else's asks about nothing but their own."""
    return f"{StripeEvent.CHECK}:{customer_id}:{object_id}"


def ask_for_check(organization: Organization, object_id: str, *, is_live: bool, now: dt.datetime) -> None:
    """Let a set-up, or all that a customer has, be looked at: nobody knows how it went.

    A customer asks for so many at most, whatever addresses a browser comes back with.
    """
    customer_id = organization.stripe_customer_id
    if customer_id is None or len(checks_of(organization, now=now)) >= _CHECKS_MAX:
        return
    event_id = _check_id(customer_id, object_id)
    event = Event(event_id, StripeEvent.CHECK, object_id, customer_id, is_live)
    if not note(event, now=now):
        _write(
            StripeEvent.event_id == event_id,
            settled_at=None,
            next_attempt_at=None,
            attempts=0,
            received_at=now,
            refusal=None,
        )


def checks_of(organization: Organization, *, now: dt.datetime) -> Sequence[StripeEvent]:
    """Return what of an organization is being checked, and what was refused within the last week."""
    customer_id = organization.stripe_customer_id
    if customer_id is None:
        return ()
    query = select(StripeEvent).where(
        StripeEvent.customer_id == customer_id,
        StripeEvent.type == StripeEvent.CHECK,
        StripeEvent.settled_at.is_(None)
        | (StripeEvent.refusal.is_not(None) & (StripeEvent.settled_at >= now - _SHOWN_FOR)),
    )
    return db.session.scalars(query.order_by(StripeEvent.received_at, StripeEvent.event_id)).all()


def due(now: dt.datetime, *, is_live: bool) -> Sequence[str]:
    """Return the ids of what may be tried; what failed often comes last."""
    query = (
        select(StripeEvent.event_id)
        .where(_is_due(now), StripeEvent.is_live == is_live)
        .order_by(StripeEvent.attempts, StripeEvent.received_at, StripeEvent.event_id)
        .limit(_BATCH)
    )
    db.session.commit()
    with reading():
        ids = db.session.scalars(query).all()
        db.session.commit()
    return ids


def claim(event_id: str, now: dt.datetime) -> StripeEvent | None:
    """Take one for a minute; None if somebody else has it, or it is settled."""
    claimed = _write((StripeEvent.event_id == event_id) & _is_due(now), leased_until=now + _LEASE)
    event = db.session.get(StripeEvent, event_id) if claimed else None
    db.session.commit()
    return event


def open_of(customer_id: str) -> Sequence[str]:
    """Return the ids of every event of a customer that is not settled; our own checks aside."""
    query = select(StripeEvent.event_id).where(
        StripeEvent.customer_id == customer_id,
        StripeEvent.settled_at.is_(None),
        StripeEvent.type != StripeEvent.CHECK,
    )
    return db.session.scalars(query).all()


def settle(event_ids: Collection[str], now: dt.datetime, *, refusal: str | None = None) -> None:
    """Put these aside, for good; `refusal` is what the customer should know of it."""
    is_open = StripeEvent.event_id.in_(event_ids) & StripeEvent.settled_at.is_(None)
    _write(is_open, settled_at=now, leased_until=None, last_error=None, refusal=refusal)
    db.session.commit()


def postpone(event_id: str, reason: str, now: dt.datetime, *, is_outage: bool) -> None:
    """Try one again: after an outage soon, else twice as late each time."""
    attempts = db.session.scalar(select(StripeEvent.attempts).where(StripeEvent.event_id == event_id)) or 0
    delay = min(_RETRY_FIRST * 2 ** min(attempts, _DOUBLINGS_MAX), _OUTAGE_MAX if is_outage else _RETRY_MAX)
    _write(
        (StripeEvent.event_id == event_id) & StripeEvent.settled_at.is_(None),
        attempts=StripeEvent.attempts + 1,
        last_error=reason,
        next_attempt_at=now + delay,
        leased_until=None,
    )
    db.session.commit()


def hasten(object_id: str) -> None:
    """Let the check of a set-up be made now: Stripe has news of it."""
    is_check = (StripeEvent.type == StripeEvent.CHECK) & (StripeEvent.object_id == object_id)
    check = is_check & StripeEvent.settled_at.is_(None)
    _write(check, next_attempt_at=None)
    db.session.commit()


def waiting() -> Sequence[StripeEvent]:
    """Return all that is not settled yet, the oldest first."""
    query = select(StripeEvent).where(StripeEvent.settled_at.is_(None))
    return db.session.scalars(query.order_by(StripeEvent.received_at, StripeEvent.event_id)).all()


def last_told_at() -> dt.datetime | None:
    """Return when the latest event came."""
    query = select(StripeEvent.received_at).where(StripeEvent.type != StripeEvent.CHECK)
    return db.session.scalar(query.order_by(StripeEvent.received_at.desc()).limit(1))


def forget_old(*, now: dt.datetime) -> None:
    """Forget what was settled longer ago than Stripe could tell it again."""
    old = delete(StripeEvent).where(StripeEvent.settled_at <= now - _KEPT_FOR)
    db.session.execute(old.execution_options(synchronize_session=False))


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    return (
        StripeEvent.settled_at.is_(None)
        & or_(StripeEvent.next_attempt_at.is_(None), StripeEvent.next_attempt_at <= now)
        & or_(StripeEvent.leased_until.is_(None), StripeEvent.leased_until <= now)
    )


def _write(where: ColumnElement[bool], **values: Any) -> int:
    """Change the events that match, now; return how many did."""
    query = update(StripeEvent).where(where).values(**values).execution_options(synchronize_session=False)
    result = db.session.execute(query)
    db.session.expire_all()  # rows that were read before may say otherwise
    assert isinstance(result, CursorResult)
    return result.rowcount
