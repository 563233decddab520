"""How complete usage is: the latest hour with an entry, and the hours that are owed but not in yet."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from portal.domain.period import Window, hour_of, start_of_hour
from portal.extensions import db
from portal.models import Metering, Product, Subscription, UsageHour

_hours, _subscriptions, _products = (model.__table__.c for model in (UsageHour, Subscription, Product))
_LATEST = select(func.max(_hours.hour)).where(
    _hours.organization_id == bindparam("owner"),
    _hours.hour >= bindparam("start"),
    _hours.hour < bindparam("end"),
)
_TIME_PRICED = (
    select(_subscriptions.metered_until_hour, _subscriptions.end_hour)
    .join_from(Subscription.__table__, Product.__table__, _products.id == _subscriptions.product_id)
    .where(_subscriptions.organization_id == bindparam("owner"), _products.metering == Metering.TIME)
)


def metered_through(organization_id: int, window: Window) -> int | None:
    """Return the latest hour of a window that has an entry, or None where nothing is in."""
    asked = {"owner": organization_id, "start": window.start_hour, "end": window.end_hour}
    found: int | None = db.session.scalar(_LATEST, asked)
    return found


def missing_hours(organization_id: int, window: Window, *, now_hour: int) -> int:
    """Count the full hours of a window that time-priced subscriptions owe: no entry is there yet."""
    owed = 0
    for metered_until, end in db.session.execute(_TIME_PRICED, {"owner": organization_id}):
        owed += window.overlap(metered_until, min(now_hour, now_hour if end is None else end))
    return owed


class Coverage(NamedTuple):
    """What of a window is in: the start of its latest hour with an entry, and the hours still owed."""

    metered_through: dt.datetime | None
    missing_hours: int


def coverage(organization_id: int, window: Window, *, now: dt.datetime) -> Coverage:
    """Return how complete the usage of a window is."""
    latest = metered_through(organization_id, window)
    missing = missing_hours(organization_id, window, now_hour=hour_of(now))
    return Coverage(None if latest is None else start_of_hour(latest), missing)
