"""The outbox of mails: enqueued with their cause, sent later, tried again where the mail server fails.

A mail's text is made when it is sent, so that no code lies in the database. Each kind has a composer, given
by the scheduler; a composer returns None for a mail that is out of date.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping

from sqlalchemy import select

from portal.domain.errors import BillingError
from portal.gateways.mail import Mail, MailGateway
from portal.models import OutgoingMail
from portal.storage import Backlog, BackOff, LeaseQueue, db, read_transaction, remove

log = logging.getLogger(__name__)
Composer = Callable[[Mapping[str, object], dt.datetime], Mail | None]

_QUEUE = LeaseQueue(OutgoingMail, OutgoingMail.sent_at.is_(None), lease=dt.timedelta(minutes=2))
_AFTER_FAILURE = BackOff(first=dt.timedelta(minutes=2), longest=dt.timedelta(hours=6))
_BATCH = 50
_KEPT_FOR = dt.timedelta(days=30)


def enqueue(kind: str, facts: Mapping[str, object], *, now: dt.datetime) -> None:
    """Let a mail be sent once the caller's transaction is committed; `facts` hold no secret."""
    db.session.add(OutgoingMail(kind=kind, facts=dict(facts), created_at=now))


def send_due(gateway: MailGateway, composers: Mapping[str, Composer], *, now: dt.datetime) -> int:
    """Send the mails that are due, at most fifty, and return how many went out."""
    query = select(OutgoingMail.id).where(_QUEUE.is_due(now), OutgoingMail.kind.in_(composers))
    with read_transaction():
        ids = db.session.scalars(query.order_by(OutgoingMail.id).limit(_BATCH)).all()
    return sum(_send(mail_id, gateway, composers, now) for mail_id in ids)


def _send(mail_id: int, gateway: MailGateway, composers: Mapping[str, Composer], now: dt.datetime) -> bool:
    """Send a mail; False where another worker has it, it is out of date, or it failed."""
    row = OutgoingMail.id == mail_id
    lease = _QUEUE.claim(row, now)
    db.session.commit()  # the lease stands even where composing fails
    if lease is None:
        return False
    try:
        mail = _composed(mail_id, composers, now)
        db.session.commit()
        if mail is None:
            return False
        gateway.send(mail)
    except Exception as error:  # a mistake in one mail must not stop the others
        if isinstance(error, BillingError):
            log.warning("a mail was not sent; it is tried again", extra={"reason": str(error)})
        else:
            log.exception("a mail could not be sent", extra={"mail": mail_id})
        _retry_later(mail_id, lease, now, error)
        return False
    _QUEUE.give_back(row, lease, sent_at=now, last_error=None)
    db.session.commit()
    return True


def _composed(mail_id: int, composers: Mapping[str, Composer], now: dt.datetime) -> Mail | None:
    """Return the mail; a mail that is out of date is deleted."""
    outgoing = db.session.get_one(OutgoingMail, mail_id)
    mail = composers[outgoing.kind](outgoing.facts, now)
    if mail is None:
        remove(OutgoingMail, OutgoingMail.id == mail_id)
    return mail


def _retry_later(mail_id: int, lease: dt.datetime, now: dt.datetime, error: Exception) -> None:
    """Write why a mail failed, and when it is tried again: twice as late each time."""
    db.session.rollback()
    row = OutgoingMail.id == mail_id
    failures = db.session.scalar(select(OutgoingMail.attempts).where(row)) or 0
    _QUEUE.give_back(
        row,
        lease,
        attempts=failures + 1,
        next_attempt_at=now + _AFTER_FAILURE.after(failures),
        last_error=f"{type(error).__name__}: {error}",
    )
    db.session.commit()


def backlog() -> Backlog:
    """Return the mails that wait to be sent."""
    return _QUEUE.backlog(OutgoingMail.created_at)


def forget_old(*, now: dt.datetime) -> None:
    """Delete the mails that were sent long ago; their texts are not kept here anyway."""
    remove(OutgoingMail, OutgoingMail.sent_at <= now - _KEPT_FOR)
