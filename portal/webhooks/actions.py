"""What we keep of an event."""

from __future__ import annotations

import datetime as dt

from portal.extensions import db
from portal.gateways.stripe_shapes import Event
from portal.models import Organization, StripeEvent
from portal.models.owned import lock


def note(
    organization: Organization, event: Event, *, settled_at: dt.datetime | None, now: dt.datetime
) -> None:
    """Keep an event by its id; one told twice at once is noted once."""
    lock(organization.id, "stripe_event")
    row = db.session.get(StripeEvent, event.id)
    if row is None:
        row = StripeEvent(event_id=event.id, type=event.type, object_id=event.object_id, received_at=now)
        db.session.add(row)
    row.settled_at = row.settled_at or settled_at
