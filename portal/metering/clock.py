"""The clock: a subscription of a time-priced product gets one unit for each full hour of its life."""

import datetime as dt
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, or_, select

from portal.domain.period import hour_of
from portal.domain.rating import NANO
from portal.ledger import usage_rows
from portal.ledger.entries import Entry, write_entries
from portal.models import Metering, Product, Subscription
from portal.storage import db


def meter_hours(*, now: dt.datetime) -> int:
    """Write the entries that time-priced subscriptions owe up to now; return how many were new."""
    until = hour_of(now)  # the running hour is not full yet
    due = select(Subscription.organization_id).where(_owes(until)).distinct().order_by("organization_id")
    organization_ids = db.session.scalars(due.join(Product, Product.id == Subscription.product_id)).all()
    db.session.commit()
    return sum(_meter(organization_id, until, now) for organization_id in organization_ids)


def _owes(until: int) -> ColumnElement[bool]:
    open_end = or_(Subscription.end_hour.is_(None), Subscription.metered_until_hour < Subscription.end_hour)
    return (Product.metering == Metering.TIME) & (Subscription.metered_until_hour < until) & open_end


def _meter(organization_id: int, until: int, now: dt.datetime) -> int:
    usage_rows.lock([organization_id])
    query = (
        select(Subscription)
        .join(Product, Product.id == Subscription.product_id)
        .where(Subscription.organization_id == organization_id, _owes(until))
        .order_by(Subscription.id)
    )
    subscriptions = db.session.scalars(query).all()
    written = write_entries(organization_id, _owed(subscriptions, until), now=now)
    for subscription in subscriptions:
        subscription.metered_until_hour = _last(subscription, until)
    db.session.commit()
    return written.new + written.corrections


def _last(subscription: Subscription, until: int) -> int:
    return until if subscription.end_hour is None else min(until, subscription.end_hour)


def _owed(subscriptions: Sequence[Subscription], until: int) -> Iterator[Entry]:
    """Yield one unit for each owed hour, in the order of hours."""
    spans = [
        (subscription.metered_until_hour, _last(subscription, until), subscription.id)
        for subscription in subscriptions
    ]
    for hour in range(min((first for first, _, _ in spans), default=until), until):
        for first, last, subscription_id in spans:
            if first <= hour < last:
                yield Entry(hour, subscription_id, NANO)
