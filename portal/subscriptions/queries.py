"""Reads of subscriptions. Each takes the organization first; none writes."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from portal.domain.errors import NotFoundError
from portal.domain.period import HOURS_A_DAY, Month, date_of, hour_of, start_of_hour
from portal.domain.slices import ListPage, Slice
from portal.models import Organization, Price, Subscription
from portal.storage import db, newest_first


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription with the price of today, where there is one."""

    subscription: Subscription
    organization: Organization
    now: dt.datetime
    prices: Sequence[Price]

    @property
    def starts_at(self) -> dt.datetime:
        return start_of_hour(self.subscription.start_hour)

    @property
    def ends_at(self) -> dt.datetime | None:
        end = self.subscription.end_hour
        return None if end is None else start_of_hour(end)

    @property
    def has_ended(self) -> bool:
        return self.ends_at is not None and self.ends_at <= self.now

    @property
    def current_price(self) -> Price | None:
        """The price that counts today, or on the last day of an ended subscription."""
        return next((each for each in reversed(self.prices) if each.start_day <= self._last_day), None)

    @property
    def _last_day(self) -> int:
        today = hour_of(self.now) // HOURS_A_DAY
        end = self.subscription.end_hour
        return today if end is None else min(today, (end - 1) // HOURS_A_DAY)

    @property
    def last_month(self) -> Month:
        """The month whose usage is of most interest."""
        return Month.of_day(max(self._last_day, self.subscription.start_hour // HOURS_A_DAY))

    @property
    def price_history(self) -> Sequence[tuple[dt.date | None, Price]]:
        """Each price with the day it starts, None for one that was always there; the latest first."""
        return [(date_of(each.start_day) if each.start_day else None, each) for each in reversed(self.prices)]


@dataclass(frozen=True, kw_only=True)
class SubscriptionList(ListPage):
    """A slice of an organization's subscriptions, the newest first."""

    organization: Organization
    subscriptions: Sequence[SubscriptionRow]


def subscriptions_of(organization: Organization, page_slice: Slice, *, now: dt.datetime) -> SubscriptionList:
    shown, next_key = newest_first(_query(organization), page_slice, Subscription.id)
    return SubscriptionList(
        organization=organization, subscriptions=_rows(organization, shown, now), next_key=next_key
    )


def subscription_of(organization: Organization, uid: UUID, *, now: dt.datetime) -> SubscriptionRow:
    """Return one, or raise NotFoundError: for another organization's too."""
    subscription = db.session.scalar(_query(organization).where(Subscription.uid == uid))
    if subscription is None:
        raise NotFoundError
    return _rows(organization, [subscription], now)[0]


def _query(organization: Organization) -> Select[Subscription]:
    return (
        select(Subscription)
        .where(Subscription.organization_id == organization.id)
        .options(joinedload(Subscription.product), joinedload(Subscription.project))
    )


def _rows(
    organization: Organization, subscriptions: Sequence[Subscription], now: dt.datetime
) -> Sequence[SubscriptionRow]:
    query = (
        select(Price)
        .where(
            Price.product_id.in_({subscription.product_id for subscription in subscriptions}),
            Price.currency == organization.currency,
        )
        .order_by(Price.start_day)
    )
    prices = db.session.scalars(query).all()
    return [
        SubscriptionRow(
            subscription,
            organization,
            now,
            [price for price in prices if price.product_id == subscription.product_id],
        )
        for subscription in subscriptions
    ]
