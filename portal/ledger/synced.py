"""How current our copy of the provider's documents is: the sync records it, pages show it."""

import datetime as dt

from sqlalchemy import or_, select

from portal.models import SyncState
from portal.storage import db, insert_into

_NAME = "legal documents"
_AHEAD_MAX = dt.timedelta(hours=1)  # another worker may have been later


def synced_until(now: dt.datetime | None = None) -> dt.datetime | None:
    """Return when the copy was last known to be current; None before the first sync.

    By `now` an instant of the future is none either: a wrong clock wrote it, and what it missed is not known.
    """
    at = db.session.scalar(select(SyncState.synced_at).where(SyncState.name == _NAME))
    return None if at is not None and now is not None and at > now + _AHEAD_MAX else at


def record_sync(at: dt.datetime) -> None:
    """Move the position; back only from a future that a wrong clock wrote. The caller commits."""
    fresh = insert_into(SyncState).values(name=_NAME, synced_at=at)
    latest = fresh.on_conflict_do_update(
        index_elements=[SyncState.name],
        set_={"synced_at": fresh.excluded.synced_at},
        where=or_(SyncState.synced_at < fresh.excluded.synced_at, SyncState.synced_at > at + _AHEAD_MAX),
    )
    db.session.execute(latest)
