"""Sessions of people: a cookie has a random id and no identity; the row behind it can be ended."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, or_, select

from portal.models import Account, UserSession
from portal.storage import db, remove

LASTS = dt.timedelta(hours=12)
IDLE_FOR = dt.timedelta(minutes=30)
CONFIRMED_FOR = dt.timedelta(minutes=15)
_ID_BYTES = 32
_AGENT_LENGTH_MAX = 200


def fingerprint(session_id: str) -> str:
    """Return the fingerprint of a session's id, which is stored and looked for."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def begin(account: Account, *, now: dt.datetime, address: str = "", agent: str = "") -> str:
    """Make a session after a right password, and return its id for the cookie."""
    session_id = secrets.token_urlsafe(_ID_BYTES)
    db.session.add(
        UserSession(
            id_sha256=fingerprint(session_id),
            account_id=account.id,
            created_at=now,
            seen_at=now,
            confirmed_at=now,
            address=address,
            agent=agent[:_AGENT_LENGTH_MAX],
        )
    )
    return session_id


def is_alive(session: UserSession, *, now: dt.datetime) -> bool:
    """Tell whether a session is neither too old nor left alone for too long."""
    return now - session.created_at < LASTS and now - session.seen_at < IDLE_FOR


def is_confirmed(session: UserSession, *, now: dt.datetime) -> bool:
    """Tell whether the password was typed a short while ago."""
    return now - session.confirmed_at < CONFIRMED_FOR


def sessions_of(account: Account, *, now: dt.datetime) -> Sequence[UserSession]:
    """Return the sessions of an account, the last seen first."""
    query = select(UserSession).where(UserSession.account_id == account.id)
    rows = db.session.scalars(query.order_by(UserSession.seen_at.desc())).all()
    return [row for row in rows if is_alive(row, now=now)]


def end(session_sha256: str) -> None:
    """End one session."""
    db.session.execute(delete(UserSession).where(UserSession.id_sha256 == session_sha256))


def end_one(account: Account, uid: UUID) -> None:
    """End a session of an account, by its public name; an unknown name ends nothing."""
    theirs = UserSession.account_id == account.id, UserSession.uid == uid
    db.session.execute(delete(UserSession).where(*theirs))


def end_all(account: Account, *, but: UserSession | None = None) -> None:
    """End every session of an account, but for the session that the request came with."""
    ending = UserSession.account_id == account.id
    if but is not None:
        ending &= UserSession.id_sha256 != but.id_sha256
    remove(UserSession, ending)


def forget_dead(*, now: dt.datetime) -> None:
    """Delete the sessions that ended by themselves."""
    remove(UserSession, or_(UserSession.created_at < now - LASTS, UserSession.seen_at < now - IDLE_FOR))
