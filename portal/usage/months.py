"""Which months of an organization's usage can be looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from portal.domain.period import HOURS_A_DAY, Month
from portal.models import Organization, Subscription
from portal.storage.database import db

_started = Subscription.__table__.c
_FIRST_HOUR = select(func.min(_started.start_hour)).where(
    _started.organization_id == bindparam("organization_id")
)


def months_of(organization: Organization, now: dt.datetime) -> Sequence[Month]:
    """Return the months from the first subscription's to the current one, the latest first."""
    first_hour = db.session.scalar(_FIRST_HOUR, {"organization_id": organization.id})
    current = Month.of(now)
    first = current if first_hour is None else Month.of_day(first_hour // HOURS_A_DAY)
    months = list(max(first, current.shifted(-36)).through(current))
    return months[::-1] or [current]
