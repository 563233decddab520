"""How complete usage is: the latest hour with an entry, and the hours that are owed but not in yet."""

from __future__ import annotations

from sqlalchemy import func, select

from portal.domain.period import Window
from portal.extensions import db
from portal.models import Metering, Product, Subscription, UsageHour


def metered_through(organization_id: int, window: Window) -> int | None:
    """Return the latest hour of a window that has an entry, or None where nothing is in."""
    query = select(func.max(UsageHour.hour)).where(
        UsageHour.organization_id == organization_id,
        UsageHour.hour >= window.start_hour,
        UsageHour.hour < window.end_hour,
    )
    return db.session.scalar(query)


def missing_hours(organization_id: int, window: Window, *, now_hour: int) -> int:
    """Count the full hours of a window that time-priced subscriptions owe: no entry is there yet."""
    query = (
        select(Subscription.metered_until_hour, Subscription.end_hour)
        .join(Product, Product.id == Subscription.product_id)
        .where(Subscription.organization_id == organization_id, Product.metering == Metering.TIME)
    )
    owed = 0
    for metered_until, end in db.session.execute(query):
        owed += window.overlap(metered_until, min(now_hour, now_hour if end is None else end))
    return owed
