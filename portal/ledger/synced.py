"""How current our copy of the provider's documents is: the sync records it, pages show it."""

import datetime as dt

from sqlalchemy import select

from portal.models import SyncState
from portal.storage import db, insert_into

_NAME = "legal documents"


def synced_until() -> dt.datetime | None:
    """Return when the copy was last known to be current; None before the first sync."""
    return db.session.scalar(select(SyncState.synced_at).where(SyncState.name == _NAME))


def record_sync(at: dt.datetime) -> None:
    """Move the position, never back; the caller commits."""
    fresh = insert_into(SyncState).values(name=_NAME, synced_at=at)
    latest = fresh.on_conflict_do_update(
        index_elements=[SyncState.name],
        set_={"synced_at": fresh.excluded.synced_at},
        where=SyncState.synced_at < fresh.excluded.synced_at,
    )
    db.session.execute(latest)
