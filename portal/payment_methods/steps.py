"""Calls to Stripe: read, ask, record. No transaction is open while Stripe thinks.

The page that a browser comes back to, the API, the webhook's worker and the reconciler all end in
`compare`: it makes our rows what Stripe has, in any order and any number of times.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from portal.domain.errors import NotFoundError, OutcomeUnknownError, ProviderUnavailableError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import CustomerMethods, Mandate, Method, NewCustomer, Setup, SetupStatus
from portal.models import Organization, PaymentMethod
from portal.payment_methods import actions, calls, queries, queue
from portal.storage import read_transaction, write_transaction

_TRIES = 5
_EVERYTHING = "everything"

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def with_deadline(step: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Give all calls of a step one deadline; an outcome that is not known is looked at later."""

    @wraps(step)
    def bounded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        stripe: Any = kwargs["stripe"]
        organization: Any = args[0]
        try:
            with stripe.deadline_scope():
                return step(*args, **kwargs)
        except OutcomeUnknownError:
            now: Any = kwargs["now"]
            ask_for_check(organization, f"{_EVERYTHING}-{organization.uid}", stripe=stripe, now=now)
            raise

    return bounded


def ask_for_check(
    organization: Organization, object_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Let the worker look at an object whose outcome is not known."""
    with write_transaction():
        queue.ask_for_check(organization, object_id, is_live=stripe.is_live, now=now)


@with_deadline
def begin_setup(
    organization: Organization, *, stripe: StripeGateway, request_key: str | None, now: dt.datetime
) -> str:
    """Return the client secret with which a browser adds one payment method; the same for the same key."""
    customer_id = _customer_of(organization, stripe=stripe, now=now)
    if request_key is None:
        return stripe.begin_setup(customer_id)
    with write_transaction():
        call = calls.begin(organization, "setup", request_key, now=now)
    secret = stripe.find_setup(customer_id, call.key) if call.is_old else None
    return secret or stripe.begin_setup(customer_id, call.key)


@with_deadline
def attach(
    organization: Organization, stripe_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> PaymentMethod:
    """Give the organization a method that was made at Stripe; a card that it has already stays one."""
    customer_id = _customer_of(organization, stripe=stripe, now=now)
    attached = stripe.attach(customer_id=customer_id, method_id=stripe_id)
    compare(organization, stripe=stripe, now=now)
    row = queries.method_like(organization, attached.id, attached.payment_type, attached.fingerprint)
    if row is None:
        raise NotFoundError  # detached in the meantime
    return row


@with_deadline
def complete_setup(
    organization: Organization, setup_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> Setup:
    """Take over a browser's set-up; NotFoundError if it belongs to another customer."""
    with read_transaction():
        customer_id = organization.stripe_customer_id
    setup = stripe.setup_of(setup_id)
    if customer_id is None or setup.customer_id != customer_id:
        raise NotFoundError
    if setup.status is SetupStatus.SUCCEEDED:
        mandates = {setup.mandate.method_id: setup.mandate} if setup.mandate else {}
        compare(organization, stripe=stripe, now=now, mandates=mandates)
    return setup


@with_deadline
def set_default(
    organization: Organization, uid: UUID, *, stripe: StripeGateway, now: dt.datetime
) -> PaymentMethod:
    del now  # for the deadline
    _make_default(organization, uid, stripe=stripe)
    return queries.payment_method_of(organization, uid)


@with_deadline
def remove(
    organization: Organization, uid: UUID, *, successor: UUID | None, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Remove a method for good; the default only when it is the last, or a successor is named."""
    del now  # for the deadline
    with read_transaction():
        stripe_id = queries.removable_method_of(organization, uid, successor).stripe_id
    if successor is not None:
        _make_default(organization, successor, stripe=stripe)
    stripe.detach(stripe_id)
    with write_transaction():
        actions.forget(organization, stripe_id)


def compare(
    organization: Organization,
    *,
    stripe: StripeGateway,
    now: dt.datetime,
    mandates: Mapping[str, Mandate] | None = None,
    is_thorough: bool = False,
) -> None:
    """Make our rows what Stripe has now: every method, the default, and mandates that we do not know.

    `is_thorough` looks at every mandate. A customer with methods and no default gets the oldest as
    default; of a card or account that is there twice only the newest stays.
    """
    for _ in range(_TRIES):
        with read_transaction():
            customer_id = queries.customer_id_of(organization)
            revision = queries.revision_of(organization)
            with_mandate = set() if is_thorough else queries.mandated_methods_of(organization)
        if customer_id is None:
            return
        customer = stripe.methods_of(customer_id)
        if customer.is_deleted:
            with write_transaction():
                actions.drop_customer(organization, customer_id)
            return
        methods, default_id = _tidy(customer_id, customer, stripe=stripe)
        new_mandates = dict(mandates or {})
        new_mandates |= _mandates_of(customer_id, methods, with_mandate | {*new_mandates}, stripe=stripe)
        with suppress(actions.StaleError), write_transaction():  # another worker was faster: look again
            actions.sync_methods(organization, methods, default_id, new_mandates, revision=revision, now=now)
            return
    raise ProviderUnavailableError


def _mandates_of(
    customer_id: str, methods: Sequence[Method], has_mandate: Collection[str], *, stripe: StripeGateway
) -> Mapping[str, Mandate]:
    """Return the mandates, by method id, of SEPA methods that have none yet."""
    without = [
        method.id
        for method in methods
        if method.payment_type == "sepa_debit" and method.id not in has_mandate
    ]
    mandates = {method_id: stripe.mandate_of(customer_id, method_id) for method_id in without}
    return {method_id: mandate for method_id, mandate in mandates.items() if mandate is not None}


def _tidy(
    customer_id: str, customer: CustomerMethods, *, stripe: StripeGateway
) -> tuple[Sequence[Method], str | None]:
    """Remove duplicates at Stripe and choose a default; return the methods kept and the default's id."""
    by_list = customer.methods[::-1]  # Stripe lists the newest first, and tells times in whole seconds
    oldest_first = sorted(by_list, key=lambda method: method.created_at)
    newest = {_identity(method): method for method in oldest_first}
    kept = [method for method in oldest_first if newest[_identity(method)] is method]
    default = next((method for method in customer.methods if method.id == customer.default_id), None)
    chosen = newest[_identity(default)] if default else next(iter(kept), None)
    if chosen is not None and chosen.id != customer.default_id:
        stripe.make_default(customer_id=customer_id, method_id=chosen.id)
    for method in customer.methods:
        if method not in kept:
            stripe.detach(method.id)
    return kept, chosen.id if chosen else None


def _identity(method: Method) -> object:
    return (method.payment_type, method.fingerprint) if method.fingerprint else method.id


def _make_default(organization: Organization, uid: UUID, *, stripe: StripeGateway) -> None:
    with read_transaction():
        customer_id = queries.customer_id_of(organization)
        stripe_id = queries.payment_method_of(organization, uid).stripe_id
    assert customer_id is not None, "an organization with a payment method is a customer"
    stripe.make_default(customer_id=customer_id, method_id=stripe_id)
    with write_transaction():
        actions.choose_default(organization, stripe_id)


def _customer_of(organization: Organization, *, stripe: StripeGateway, now: dt.datetime) -> str:
    """Return the organization's customer id at Stripe, stored at once, even if the request fails."""
    with read_transaction():
        customer_id = queries.customer_id_of(organization)
        newcomer = NewCustomer(
            key=str(organization.uid),
            number=organization.number,
            name=organization.name,
            email=next(iter(organization.emails), None),
        )
    if customer_id is not None:
        return customer_id
    with write_transaction():
        call = calls.begin(organization, "customer", newcomer.key, now=now)
    existing = stripe.find_customer(newcomer.key, since=call.since) if call.is_retry else None
    customer_id = existing or stripe.create_customer(newcomer, call.key)
    with write_transaction():
        return actions.remember_customer(organization, customer_id)
