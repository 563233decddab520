"""Settling what Stripe tells. An event only says where to look: they come late, twice and in any order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from portal.domain.errors import NotFoundError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import Event
from portal.models import Organization
from portal.payment_methods import steps
from portal.web.transaction import before_asking, settling
from portal.webhooks import actions, queries

_SETTLE: Mapping[str, Callable[..., object]] = {
    "setup_intent.succeeded": steps.settle_setup,
    "payment_method.attached": steps.settle_method,
    "payment_method.updated": steps.settle_method,
    "payment_method.automatically_updated": steps.settle_method,
    "payment_method.detached": steps.settle_method,
    "customer.updated": steps.settle_default,
}


def settle(event: Event, *, stripe: StripeGateway, now: dt.datetime) -> None:
    """Do what the event is about, once; ProviderUnavailableError makes Stripe tell it again later."""
    if event.type not in _SETTLE or event.is_live != stripe.is_live:
        return
    with before_asking():
        organization = queries.organization_of_customer(event.customer_id)
        is_new = not queries.is_settled(event.id)
    if organization is None or not is_new:
        return
    settled_at = now if _is_settled(organization, event, stripe=stripe, now=now) else None
    with settling():
        actions.note(organization, event, settled_at=settled_at, now=now)


def _is_settled(organization: Organization, event: Event, *, stripe: StripeGateway, now: dt.datetime) -> bool:
    try:
        _SETTLE[event.type](organization, event.object_id, stripe=stripe, now=now)
    except NotFoundError:
        return False  # its object is gone from Stripe: telling it again would not help
    return True
