"""Subscriptions: the list, and the page of each."""

from uuid import UUID

from flask import Blueprint

from portal.access.auth import Policy, organization
from portal.subscriptions import queries, schema
from portal.subscriptions.queries import SubscriptionList, SubscriptionRow
from portal.web.clock import now
from portal.web.lists import requested_slice
from portal.web.operations import Operation
from portal.web.renders import renders

bp = Blueprint("subscriptions", __name__, url_prefix="/subscriptions")


@bp.get("")
@Policy("billing:read")
@Operation("list_subscriptions")
@renders("subscriptions/index.html", json=schema.subscription_list, fragments={"subscription_list"})
def index() -> SubscriptionList:
    return queries.subscriptions_of(organization(), requested_slice(int), now=now())


@bp.get("/<uuid:subscription_id>")
@Policy("billing:read")
@Operation("get_subscription")
@renders("subscriptions/detail.html", json=schema.subscription)
def detail(subscription_id: UUID) -> SubscriptionRow:
    return queries.subscription_of(organization(), subscription_id, now=now())
