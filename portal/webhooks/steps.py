"""Processing the events that Stripe sent, after they were answered, and fetching those that did not arrive.

An event only says where to look: events come late, twice and in any order. So one look at what a customer has
now is the answer to every open event of that customer.
"""

import datetime as dt
import logging
from collections.abc import Callable
from contextvars import copy_context
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar, cast

from portal.domain.errors import BillingError, NotFoundError, ProviderUnavailableError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import SetupStatus
from portal.ledger import audit
from portal.ledger.audit import Actor
from portal.models import Organization, StripeEvent
from portal.payment_methods import queue, steps
from portal.payment_methods.lease import BeingChangedError
from portal.storage import db, read_transaction, write_transaction
from portal.webhooks import queries

log = logging.getLogger(__name__)

TYPES = frozenset(
    {
        "setup_intent.succeeded",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "payment_method.attached",
        "payment_method.updated",
        "payment_method.automatically_updated",
        "payment_method.detached",
        "mandate.updated",
        "customer.updated",
        "customer.deleted",
    }
)
_STRIPE_KEEPS = dt.timedelta(days=30)
_STRIPE_RETRIES_FOR = dt.timedelta(days=3)
_NOT_ADDED = "The payment method was not added. Please try again, or use another one."

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class SetupStillProcessingError(BillingError):
    """The bank has not decided yet."""


class Processed(NamedTuple):
    """How many events were done, and how many have to be tried again."""

    done: int
    to_retry: int


class Reconciled(NamedTuple):
    """How many events were new to us, and how many organizations were compared or could not be."""

    events: int
    compared: int
    failed: int


def acting_as_stripe(step: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let the audit trail say that what a step changes comes from Stripe."""

    @wraps(step)
    def named(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        context, now = copy_context(), kwargs["now"]
        context.run(audit.act_as, Actor("stripe"), lambda: cast("dt.datetime", now))
        return context.run(step, *args, **kwargs)

    return named


@acting_as_stripe
def process_events(*, stripe: StripeGateway, now: dt.datetime) -> Processed:
    """Process the events that are due; an event that fails waits for its next time, and stops no other."""
    done = to_retry = 0
    for event_id in queue.due(now, is_live=stripe.is_live):
        if not stripe.is_answering:
            break  # the rest is due again at the next run
        event = queue.claim(event_id, now)
        if event is None:
            continue
        try:
            done += _process(event, stripe=stripe, now=now)
        except Exception as error:  # no event may stop the others
            db.session.rollback()
            if not isinstance(error, BillingError):  # unreadable
                log.exception("an event of Stripe's could not be processed", extra={"event": event_id})
            is_outage = isinstance(error, (ProviderUnavailableError, BeingChangedError))
            queue.retry_later(event_id, _reason(error), now, is_outage=is_outage)
            to_retry += 1
    return Processed(done, to_retry)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _process(event: StripeEvent, *, stripe: StripeGateway, now: dt.datetime) -> int:
    """Process one event and every open one of its customer; return how many that is."""
    with read_transaction():
        organization = queries.organization_of_event(event)
    if organization is None and event.type == "mandate.updated":
        organization = _organization_of_mandate(event.object_id, stripe=stripe)
    if organization is None:
        queue.mark_done([event.event_id], now)  # a customer that is not ours
        return 1
    if event.type == StripeEvent.CHECK and event.object_id.startswith("seti_"):
        refusal = _check_setup(organization, event.object_id, stripe=stripe, now=now)
        queue.mark_done([event.event_id], now, refusal=refusal)
        return 1
    if event.type.startswith("setup_intent."):
        queue.retry_now(event.object_id)
    with read_transaction():
        # Only the events that came before we look are answered by what we see.
        event_ids = {event.event_id, *queue.open_of(event.customer_id or "")}
    steps.compare(organization, stripe=stripe, now=now, is_thorough=True)
    queue.mark_done(event_ids, now)
    return len(event_ids)


def _organization_of_mandate(mandate_id: str, *, stripe: StripeGateway) -> Organization | None:
    try:
        customer_id = stripe.customer_of_mandate(mandate_id)
    except NotFoundError:
        return None  # of another account, or long gone
    with read_transaction():
        return queries.organization_of_customer(customer_id)


def _check_setup(
    organization: Organization, setup_id: str, *, stripe: StripeGateway, now: dt.datetime
) -> str | None:
    """Return None if it was added or given up, or the sentence with which it was refused."""
    try:
        setup = steps.complete_setup(organization, setup_id, stripe=stripe, now=now)
    except NotFoundError:
        return None  # an address that was made up
    if setup.status is SetupStatus.PROCESSING:
        raise SetupStillProcessingError
    return (setup.message or _NOT_ADDED) if setup.status is SetupStatus.FAILED else None


@acting_as_stripe
def reconcile(*, stripe: StripeGateway, now: dt.datetime, is_whole: bool) -> Reconciled:
    """Fetch the events that did not arrive: those since the last one, or compare every customer.

    Stripe keeps events for thirty days: after a longer silence every customer is compared anyway.
    """
    with read_transaction():
        last_received_at = queue.last_received_at()
    since = (last_received_at or now) - _STRIPE_RETRIES_FOR
    is_too_long_ago = last_received_at is None or since < now - _STRIPE_KEEPS
    # All are read before the first is kept: if this is killed, the next run begins at the same place.
    events = list(stripe.events_since(max(since, now - _STRIPE_KEEPS), TYPES))
    with write_transaction():
        are_new = [queue.enqueue(event, now=now) for event in events if event.is_live == stripe.is_live]
    process_events(stripe=stripe, now=now)
    compared, failed = _compare_all(stripe=stripe, now=now) if is_whole or is_too_long_ago else (0, 0)
    return Reconciled(events=sum(are_new), compared=compared, failed=failed)


def _compare_all(*, stripe: StripeGateway, now: dt.datetime) -> tuple[int, int]:
    with read_transaction():
        organizations = queries.customers()
    failed = 0
    for organization in organizations:
        try:
            steps.compare(organization, stripe=stripe, now=now, is_thorough=True)
        except BillingError as error:
            db.session.rollback()
            facts = {"organization": str(organization.uid), "reason": _reason(error)}
            log.warning("an organization could not be compared with Stripe", extra=facts)
            failed += 1
    return len(organizations) - failed, failed
