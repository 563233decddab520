"""How complete usage is: the latest hour with an entry, and the hours that are owed but not in yet."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Integer, bindparam, case, func, literal_column, select

from portal.domain.period import Window, hour_of, start_of_hour
from portal.models import Metering, Product, Subscription, UsageHour
from portal.storage import db

_hours, _subscriptions, _products = (model.__table__.c for model in (UsageHour, Subscription, Product))
_ORGANIZATION_ID, _START, _END, _NOW = (
    bindparam(name, type_=Integer()) for name in ("organization_id", "start", "end", "now")
)


def _least(left: ColumnElement[int], right: ColumnElement[int]) -> ColumnElement[int]:
    return case((left < right, left), else_=right)


def _greatest(left: ColumnElement[int], right: ColumnElement[int]) -> ColumnElement[int]:
    return case((left > right, left), else_=right)


_LATEST = (
    select(func.max(_hours.hour))
    .where(_hours.organization_id == _ORGANIZATION_ID, _hours.hour >= _START, _hours.hour < _END)
    .scalar_subquery()
)
_owed_until = _least(_least(func.coalesce(_subscriptions.end_hour, _NOW), _NOW), _END)
_owed_from = _greatest(_subscriptions.metered_until_hour, _START)
_MISSING = (
    select(func.coalesce(func.sum(_greatest(_owed_until - _owed_from, literal_column("0"))), 0))
    .join_from(Subscription.__table__, Product.__table__, _products.id == _subscriptions.product_id)
    .where(_subscriptions.organization_id == _ORGANIZATION_ID, _products.metering == Metering.TIME)
    .scalar_subquery()
)
_COMPLETENESS = select(_LATEST, _MISSING)


_BY_PRODUCT = (
    select(_products.code, func.sum(_owed_until - _owed_from))
    .join_from(Product.__table__, Subscription.__table__, _products.id == _subscriptions.product_id)
    .where(_products.metering == Metering.TIME, _owed_from < _owed_until)
    .group_by(_products.id, _products.code)
    .order_by(_products.code)
)


class Completeness(NamedTuple):
    """The completeness of a window: the start of its latest hour with an entry, and the hours still owed."""

    metered_through: dt.datetime | None
    missing_hours: int


def completeness(organization_id: int, window: Window, *, now: dt.datetime) -> Completeness:
    """Return how complete a window is; missing are the full hours that time-priced subscriptions owe."""
    parameters = {
        "organization_id": organization_id,
        "start": window.start_hour,
        "end": window.end_hour,
        "now": hour_of(now),
    }
    latest, missing = db.session.execute(_COMPLETENESS, parameters).one()
    return Completeness(None if latest is None else start_of_hour(latest), int(missing))


def missing_hours_by_product(*, now: dt.datetime) -> Mapping[str, int]:
    """Return the full hours that subscriptions owe up to now, of all organizations, by the product's code.

    It reads the subscriptions once, as the clock does each time it runs, and no usage.
    """
    parameters = {"start": 0, "end": hour_of(now), "now": hour_of(now)}
    return {code: int(hours) for code, hours in db.session.execute(_BY_PRODUCT, parameters)}
