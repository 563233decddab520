"""How current our copy of EasyBill's documents is: what the sync notes and pages show."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from portal.models import MirrorState
from portal.storage.database import db

_NAME = "legal documents"


def mirrored_until() -> dt.datetime | None:
    """Return when the copy was last known to be current; None before the first sync."""
    return db.session.scalar(select(MirrorState.synced_at).where(MirrorState.name == _NAME))


def note_mirrored(at: dt.datetime) -> None:
    """Move the position, never back; the caller commits."""
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = insert(MirrorState).values(name=_NAME, synced_at=at)
    latest = fresh.on_conflict_do_update(
        index_elements=[MirrorState.name],
        set_={"synced_at": fresh.excluded.synced_at},
        where=MirrorState.synced_at < fresh.excluded.synced_at,
    )
    db.session.execute(latest)
