"""Calls to Stripe: read, ask, record. No transaction is open while Stripe thinks.

The page that a browser comes back to, the API, the webhook's worker and the reconciler all end in
`compare`: it makes our rows what Stripe has, in any order and any number of times. Whoever changes something
holds the organization's lease from before Stripe is asked until the answer is written.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from portal.domain.errors import NotFoundError, OutcomeUnknownError, ProviderUnavailableError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import CustomerMethods, Mandate, Method, NewCustomer, Setup, SetupStatus
from portal.models import Organization, PaymentMethod
from portal.payment_methods import actions, calls, queries, queue
from portal.payment_methods.lease import Lease, taken
from portal.storage import read_transaction, write_transaction

_TRIES = 5
_EVERYTHING = "everything"


def ask_for_check(
    organization: Organization, object_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Let the worker look at an object whose outcome is not known."""
    with write_transaction():
        queue.ask_for_check(organization, object_id, is_live=stripe.is_live, now=now)


def begin_setup(
    organization: Organization, *, stripe: StripeGateway, request_key: str | None, now: dt.datetime
) -> str:
    """Return the client secret with which a browser adds one payment method; the same for the same key."""
    with within_deadline(organization, stripe=stripe, now=now):
        customer_id = _customer_of(organization, stripe=stripe, now=now)
        if request_key is None:
            return stripe.begin_setup(customer_id)
        with write_transaction():
            call = calls.begin(organization, "setup", request_key, now=now)
        secret = stripe.find_setup(customer_id, call.key) if call.is_old else None
        return secret or stripe.begin_setup(customer_id, call.key)


def attach(
    organization: Organization, stripe_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> PaymentMethod:
    """Give the organization a method that was made at Stripe; a card that it has already stays one."""
    with _changing(organization, stripe=stripe, now=now) as lease:
        customer_id = _customer_of(organization, stripe=stripe, now=now)
        with lease.changing():
            attached = stripe.attach(customer_id=customer_id, method_id=stripe_id)
        _compare(lease, organization, now=now)
        row = queries.method_like(organization, attached.id, attached.payment_type, attached.fingerprint)
        if row is None:
            raise NotFoundError  # detached in the meantime, not by us
        return row


def complete_setup(
    organization: Organization, setup_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> Setup:
    """Take over a browser's set-up; NotFoundError if it belongs to another customer."""
    with _changing(organization, stripe=stripe, now=now) as lease:
        with read_transaction():
            customer_id = queries.customer_id_of(organization)
        setup = stripe.setup_of(setup_id)
        if customer_id is None or setup.customer_id != customer_id:
            raise NotFoundError
        if setup.status is SetupStatus.SUCCEEDED:
            mandates = {setup.mandate.method_id: setup.mandate} if setup.mandate else {}
            _compare(lease, organization, now=now, mandates=mandates)
        return setup


def set_default(
    organization: Organization, uid: UUID, *, stripe: StripeGateway, now: dt.datetime
) -> PaymentMethod:
    with _changing(organization, stripe=stripe, now=now) as lease:
        return _make_default(lease, organization, uid)


def remove(
    organization: Organization, uid: UUID, *, successor: UUID | None, stripe: StripeGateway, now: dt.datetime
) -> None:
    """Remove a method for good; the default only when it is the last, or a successor is named.

    It may be removed as the request found things, and as they are when it is our turn: the last one of now
    was perhaps one of two then.
    """
    with read_transaction():
        queries.removable_method_of(organization, uid, successor)
        default = queries.default_of(organization)
    with _changing(organization, stripe=stripe, now=now) as lease:
        with read_transaction():
            if queries.default_of(organization) != default:
                raise queries.DefaultChangedError
            stripe_id = queries.removable_method_of(organization, uid, successor).stripe_id
        if successor is not None:
            _make_default(lease, organization, successor)
        with lease.changing():
            stripe.detach(stripe_id)
        with write_transaction():
            lease.hold()
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
    with taken(organization, stripe=stripe) as lease:
        _compare(lease, organization, now=now, mandates=mandates, is_thorough=is_thorough)


@contextmanager
def _changing(organization: Organization, *, stripe: StripeGateway, now: dt.datetime) -> Iterator[Lease]:
    """Be alone with the methods of an organization, within the deadline once it is our turn."""
    with taken(organization, stripe=stripe) as lease, within_deadline(organization, stripe=stripe, now=now):
        try:
            yield lease
        except ProviderUnavailableError as error:
            raise (OutcomeUnknownError if lease.has_changed else type(error)) from error


@contextmanager
def within_deadline(organization: Organization, *, stripe: StripeGateway, now: dt.datetime) -> Iterator[None]:
    """Give all calls inside one deadline; an outcome that is not known is looked at later."""
    try:
        with stripe.deadline_scope():
            yield
    except OutcomeUnknownError:
        ask_for_check(organization, f"{_EVERYTHING}-{organization.uid}", stripe=stripe, now=now)
        raise


def _compare(
    lease: Lease,
    organization: Organization,
    *,
    now: dt.datetime,
    mandates: Mapping[str, Mandate] | None = None,
    is_thorough: bool = False,
) -> None:
    for _ in range(_TRIES):
        with read_transaction():
            customer_id = queries.customer_id_of(organization)
            revision = queries.revision_of(organization)
            with_mandate = set() if is_thorough else queries.mandated_methods_of(organization)
        if customer_id is None:
            return
        lease.renew()
        customer = lease.stripe.methods_of(customer_id)
        if customer.is_deleted:
            with write_transaction():
                lease.hold()
                actions.drop_customer(organization, customer_id)
            return
        methods, default_id = _tidy(lease, customer_id, customer)
        new_mandates = dict(mandates or {})
        has_mandate = with_mandate | {*new_mandates}
        new_mandates |= _mandates_of(lease, customer_id, methods, has_mandate)
        # Without a lease writes the release before this one, while both run: then look again.
        with suppress(actions.StaleError), write_transaction():
            lease.hold()
            actions.sync_methods(organization, methods, default_id, new_mandates, revision=revision, now=now)
            return
    raise ProviderUnavailableError


def _mandates_of(
    lease: Lease, customer_id: str, methods: Sequence[Method], has_mandate: Collection[str]
) -> Mapping[str, Mandate]:
    """Return the mandates, by method id, of SEPA methods that have none yet."""
    mandates = {}
    for method in methods:
        if method.payment_type == "sepa_debit" and method.id not in has_mandate:
            lease.renew()
            mandates[method.id] = lease.stripe.mandate_of(customer_id, method.id)
    return {method_id: mandate for method_id, mandate in mandates.items() if mandate is not None}


def _tidy(lease: Lease, customer_id: str, customer: CustomerMethods) -> tuple[Sequence[Method], str | None]:
    """Remove duplicates at Stripe and choose a default; return the methods kept and the default's id."""
    by_list = customer.methods[::-1]  # Stripe lists the newest first, and tells times in whole seconds
    oldest_first = sorted(by_list, key=lambda method: method.created_at)
    newest = {_identity(method): method for method in oldest_first}
    kept = [method for method in oldest_first if newest[_identity(method)] is method]
    default = next((method for method in customer.methods if method.id == customer.default_id), None)
    chosen = newest[_identity(default)] if default else next(iter(kept), None)
    if chosen is not None and chosen.id != customer.default_id:
        with lease.changing():
            lease.stripe.make_default(customer_id=customer_id, method_id=chosen.id)
    for method in customer.methods:
        if method not in kept:
            with lease.changing():
                lease.stripe.detach(method.id)
    return kept, chosen.id if chosen else None


def _identity(method: Method) -> object:
    return (method.payment_type, method.fingerprint) if method.fingerprint else method.id


def _make_default(lease: Lease, organization: Organization, uid: UUID) -> PaymentMethod:
    """Make a method the default and return it as it was written: the next change may come at once."""
    with read_transaction():
        customer_id = queries.customer_id_of(organization)
        stripe_id = queries.payment_method_of(organization, uid).stripe_id
    assert customer_id is not None, "an organization with a payment method is a customer"
    with lease.changing():
        lease.stripe.make_default(customer_id=customer_id, method_id=stripe_id)
    with write_transaction():
        lease.hold()
        actions.choose_default(organization, stripe_id)
        return queries.payment_method_of(organization, uid)


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
