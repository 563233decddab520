"""Conversations with Stripe: read, ask, record. No transaction is open while Stripe thinks.

The page that a browser comes back to, the webhook and the API all settle here, in any order and as
often as they like.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from portal.domain.errors import NotFoundError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import Method, NewCustomer, Setup, SetupStatus
from portal.models import Organization, PaymentMethod
from portal.payment_methods import actions, queries
from portal.web.transaction import before_asking, settling


def begin_setup(organization: Organization, *, stripe: StripeGateway, idempotency_key: str | None) -> str:
    """Return the client secret with which a browser adds one payment method."""
    return stripe.begin_setup(_customer_of(organization, stripe=stripe), idempotency_key)


def attach(
    organization: Organization, stripe_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> PaymentMethod:
    """Give the organization a method that was made at Stripe."""
    customer_id = _customer_of(organization, stripe=stripe)
    method = stripe.attach(customer_id=customer_id, method_id=stripe_id)
    return _settle(organization, method, stripe=stripe, now=now)


def settle_setup(
    organization: Organization, setup_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> Setup:
    """Take over what a browser set up; NotFoundError if it was set up for somebody else."""
    with before_asking():
        customer_id = organization.stripe_customer_id
    setup = stripe.setup_of(setup_id)
    if customer_id is None or setup.customer_id != customer_id:
        raise NotFoundError
    method = setup.method
    # A set-up stays "succeeded" for ever, even when its method has been removed since.
    if setup.status is SetupStatus.SUCCEEDED and method and method.customer_id == customer_id:
        _settle(organization, method, stripe=stripe, now=now, mandate_reference=setup.mandate_reference)
    return setup


def settle_method(
    organization: Organization, stripe_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Make our row what Stripe has now: stored, refreshed or gone."""
    with before_asking():
        customer_id = organization.stripe_customer_id
    method = stripe.method_of(stripe_id)
    if customer_id is not None and method.customer_id == customer_id:
        _settle(organization, method, stripe=stripe, now=now)
        return
    with settling():
        actions.forget(organization, stripe_id)


def settle_default(
    organization: Organization, customer_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Follow Stripe in which method comes first."""
    del now  # it stamps nothing
    default_id = stripe.default_of(customer_id)
    if default_id is not None:
        with settling():
            actions.choose_default(organization, default_id)


def set_default(organization: Organization, uid: UUID, *, stripe: StripeGateway) -> PaymentMethod:
    with before_asking():
        customer_id = organization.stripe_customer_id
        stripe_id = queries.payment_method_of(organization, uid).stripe_id
    assert customer_id is not None, "who has a payment method is a customer"
    stripe.make_default(customer_id=customer_id, method_id=stripe_id)
    with settling():
        actions.choose_default(organization, stripe_id)
    return queries.payment_method_of(organization, uid)


def remove(organization: Organization, uid: UUID, *, stripe: StripeGateway) -> None:
    """Part with a method for good; the default only when it is the last."""
    with before_asking():
        stripe_id = queries.removable_method_of(organization, uid).stripe_id
    stripe.detach(stripe_id)
    with settling():
        actions.forget(organization, stripe_id)


def _customer_of(organization: Organization, *, stripe: StripeGateway) -> str:
    """Return who the organization is at Stripe, remembered at once, whatever becomes of the request."""
    with before_asking():
        known = organization.stripe_customer_id
        newcomer = NewCustomer(
            key=str(organization.uid),
            number=organization.number,
            name=organization.name,
            email=next(iter(organization.emails), None),
        )
    if known is not None:
        return known
    customer_id = stripe.create_customer(newcomer)
    with settling():
        return actions.remember_customer(organization, customer_id)


def _settle(
    organization: Organization,
    method: Method,
    *,
    stripe: StripeGateway,
    now: dt.datetime,
    mandate_reference: str | None = None,
) -> PaymentMethod:
    with before_asking():
        is_first = not queries.has_default(organization)
    if is_first and method.customer_id is not None:
        stripe.make_default(customer_id=method.customer_id, method_id=method.id)
    with settling():
        return actions.record(organization, method, mandate_reference=mandate_reference, now=now)
