"""Whom an event is about, and whether we have heard it before."""

from __future__ import annotations

from sqlalchemy import select

from portal.extensions import db
from portal.models import Organization, StripeEvent


def organization_of_customer(customer_id: str | None) -> Organization | None:
    """Return the organization that is this customer at Stripe."""
    if customer_id is None:
        return None
    query = select(Organization).where(Organization.stripe_customer_id == customer_id)
    return db.session.scalar(query)


def is_settled(event_id: str) -> bool:
    event = db.session.get(StripeEvent, event_id)
    return event is not None and event.settled_at is not None
