"""The queue of Stripe's events, and of our own checks of set-ups.

The worker that claims an event holds a lease for a minute. An event that fails is tried again later and
later, and keeps no other waiting. Each function is one short transaction, except `enqueue`, which is part
of its caller's.
"""

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import select

from portal.gateways.stripe_shapes import Event
from portal.models import Organization, StripeEvent
from portal.storage import Backlog, BackOff, LeaseQueue, db, insert_into, read_transaction, remove

_QUEUE = LeaseQueue(StripeEvent, StripeEvent.done_at.is_(None), lease=dt.timedelta(minutes=1))
_AFTER_FAILURE = BackOff(first=dt.timedelta(seconds=5), longest=dt.timedelta(hours=6))
# When Stripe is back, nothing should wait much longer.
_AFTER_OUTAGE = BackOff(first=dt.timedelta(seconds=5), longest=dt.timedelta(seconds=30))
_BATCH = 200
_KEPT_FOR = dt.timedelta(days=40)  # longer than Stripe can tell an event again
_SHOWN_FOR = dt.timedelta(days=7)
_CHECKS_MAX = 20


def enqueue(event: Event, *, now: dt.datetime) -> bool:
    """Keep an event by its id; return whether it is new."""
    new_event = insert_into(StripeEvent).values(
        event_id=event.id,
        type=event.type,
        object_id=event.object_id,
        customer_id=event.customer_id,
        is_live=event.is_live,
        received_at=now,
        attempts=0,
    )
    inserted = new_event.on_conflict_do_nothing(index_elements=[StripeEvent.event_id])
    return db.session.scalar(inserted.returning(StripeEvent.event_id)) is not None


def _check_id(customer_id: str, object_id: str) -> str:
    """Name a check by its customer too, so that the address of another customer's set-up leads nowhere."""
    return f"{StripeEvent.CHECK}:{customer_id}:{object_id}"


def ask_for_check(organization: Organization, object_id: str, *, is_live: bool, now: dt.datetime) -> None:
    """Enqueue a look at a set-up, or at all that a customer has, whose outcome is not known.

    A customer has a bounded number of checks, however many addresses a browser comes back with.
    """
    customer_id = organization.stripe_customer_id
    if customer_id is None or len(checks_of(organization, now=now)) >= _CHECKS_MAX:
        return
    event_id = _check_id(customer_id, object_id)
    event = Event(event_id, StripeEvent.CHECK, object_id, customer_id, is_live)
    if not enqueue(event, now=now):
        _QUEUE.write(
            StripeEvent.event_id == event_id,
            done_at=None,
            next_attempt_at=None,
            attempts=0,
            received_at=now,
            refusal=None,
        )


def checks_of(organization: Organization, *, now: dt.datetime) -> Sequence[StripeEvent]:
    """Return the checks of an organization that are open, and those refused within the last week."""
    customer_id = organization.stripe_customer_id
    if customer_id is None:
        return ()
    query = select(StripeEvent).where(
        StripeEvent.customer_id == customer_id,
        StripeEvent.type == StripeEvent.CHECK,
        StripeEvent.done_at.is_(None)
        | (StripeEvent.refusal.is_not(None) & (StripeEvent.done_at >= now - _SHOWN_FOR)),
    )
    return db.session.scalars(query.order_by(StripeEvent.received_at, StripeEvent.event_id)).all()


def due(now: dt.datetime, *, is_live: bool) -> Sequence[str]:
    """Return the ids of events that are due; the often failed ones come last."""
    query = (
        select(StripeEvent.event_id)
        .where(_QUEUE.is_due(now), StripeEvent.is_live == is_live)
        .order_by(StripeEvent.attempts, StripeEvent.received_at, StripeEvent.event_id)
        .limit(_BATCH)
    )
    with read_transaction():
        return db.session.scalars(query).all()


def claim(event_id: str, now: dt.datetime) -> StripeEvent | None:
    """Take an event for a minute; None if another worker has it, or it is done."""
    lease = _QUEUE.claim(StripeEvent.event_id == event_id, now)
    event = db.session.get(StripeEvent, event_id) if lease else None
    db.session.commit()
    return event


def open_of(customer_id: str) -> Sequence[str]:
    """Return the ids of every open event of a customer; our own checks aside."""
    query = select(StripeEvent.event_id).where(
        StripeEvent.customer_id == customer_id,
        StripeEvent.done_at.is_(None),
        StripeEvent.type != StripeEvent.CHECK,
    )
    return db.session.scalars(query).all()


def mark_done(event_ids: Collection[str], now: dt.datetime, *, refusal: str | None = None) -> None:
    """Put events aside, for good; `refusal` is the sentence that the customer should read."""
    is_open = StripeEvent.event_id.in_(event_ids) & _QUEUE.is_open
    _QUEUE.write(is_open, done_at=now, leased_until=None, last_error=None, refusal=refusal)
    db.session.commit()


def retry_later(event_id: str, reason: str, now: dt.datetime, *, is_outage: bool) -> None:
    """Try an event again: after an outage soon, else twice as late each time."""
    row = StripeEvent.event_id == event_id
    failures = db.session.scalar(select(StripeEvent.attempts).where(row)) or 0
    back_off = _AFTER_OUTAGE if is_outage else _AFTER_FAILURE
    _QUEUE.write(
        row & _QUEUE.is_open,
        attempts=StripeEvent.attempts + 1,
        last_error=reason,
        next_attempt_at=now + back_off.after(failures),
        leased_until=None,
    )
    db.session.commit()


def retry_now(object_id: str) -> None:
    """Let the check of a set-up be made at once: Stripe has news of it."""
    is_check = (StripeEvent.type == StripeEvent.CHECK) & (StripeEvent.object_id == object_id)
    _QUEUE.write(is_check & _QUEUE.is_open, next_attempt_at=None)
    db.session.commit()


def waiting() -> Sequence[StripeEvent]:
    """Return every open event, the oldest first."""
    query = select(StripeEvent).where(StripeEvent.done_at.is_(None))
    return db.session.scalars(query.order_by(StripeEvent.received_at, StripeEvent.event_id)).all()


def backlog() -> Backlog:
    """Return the events that are still to be processed, and our own checks."""
    return _QUEUE.backlog(StripeEvent.received_at)


def last_received_at() -> dt.datetime | None:
    """Return when the latest event came."""
    query = select(StripeEvent.received_at).where(StripeEvent.type != StripeEvent.CHECK)
    return db.session.scalar(query.order_by(StripeEvent.received_at.desc()).limit(1))


def forget_old(*, now: dt.datetime) -> None:
    """Delete the events that were done longer ago than Stripe could send them again."""
    remove(StripeEvent, StripeEvent.done_at <= now - _KEPT_FOR)
