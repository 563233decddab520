"""The organization of an event."""

from collections.abc import Sequence

from sqlalchemy import select

from portal.models import Organization, PaymentMethod, StripeEvent
from portal.storage import db


def organization_of_event(event: StripeEvent) -> Organization | None:
    """Return the organization that is the event's customer at Stripe, or that has its payment method."""
    if event.customer_id is not None:
        return organization_of_customer(event.customer_id)
    query = (
        select(Organization)
        .join(PaymentMethod, PaymentMethod.organization_id == Organization.id)
        .where(PaymentMethod.stripe_id == event.object_id)
    )
    return db.session.scalar(query)


def organization_of_customer(customer_id: str | None) -> Organization | None:
    if customer_id is None:
        return None
    query = select(Organization).where(Organization.stripe_customer_id == customer_id)
    return db.session.scalar(query)


def customers() -> Sequence[Organization]:
    """Return every organization that Stripe knows."""
    query = select(Organization).where(Organization.stripe_customer_id.is_not(None))
    return db.session.scalars(query.order_by(Organization.id)).all()
