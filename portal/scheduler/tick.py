"""A tick of the scheduler: hours, closing, delivery and whatever else is due, one step after another.

A tick may run at any time, twice at once, on two machines, and be killed at any point: the next one finishes
the work. A step that fails ends no other. A new step is a function that takes the instant and returns what it
did in a few words, and its line in `steps_of_a_tick`.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile

from portal.access import idempotency_records, sessions, throttle
from portal.closing.close import close
from portal.delivery import customers, e_invoices
from portal.delivery.deliver import DeliveryCounts, deliver
from portal.delivery.sync import SyncCounts, sync
from portal.health.notices import OPERATOR_MAILS
from portal.health.present import present_facts
from portal.health.steps import OPERATOR_NOTICE, operator_mail, tell_operator
from portal.ledger import audit_heads
from portal.mailing import outbox
from portal.metering.clock import meter_hours
from portal.models import StepOutcome
from portal.payment_methods import calls, queue
from portal.scheduler.patience import Patience, Wait
from portal.scheduler.step import LeftForNextRunError, Step, StepResult, record_result, run_step
from portal.services import invoicing, mail, settings, stripe
from portal.signing_in.actions import PASSWORD_RESET
from portal.signing_in.steps import forget_old_requests, password_reset_mail
from portal.storage import db
from portal.timekeeping.clocks import true_now
from portal.timekeeping.fence import refuse_distrusted_clock
from portal.webhooks.steps import process_events, reconcile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """What came of each step of a tick, in order."""

    results: Sequence[StepResult]

    @property
    def failed(self) -> Sequence[StepResult]:
        return [result for result in self.results if not result.is_done]


def tick(
    now: dt.datetime, *, wait: Wait = time.sleep, is_stopping: Callable[[], bool] = lambda: False
) -> Tick:
    """Run every step once, and log in one line what came of each; where it `is_stopping` no step begins.

    `wait` sits out the seconds for which the invoicing provider wants to be left alone, and returns True to
    end the wait for good.
    """
    started = time.monotonic()
    results: dict[str, StepResult] = {}
    for step in takewhile(lambda _: not is_stopping(), steps_of_a_tick(wait)):
        needed = results[step.needs] if step.needs else None
        is_waiting = needed is not None and not needed.is_done
        at = now if step.is_dated else true_now()
        results[step.name] = _wait_for_next_tick(step) if is_waiting else run_step(step, at)
    done = Tick(tuple(results.values()))
    facts = {name: f"{result.outcome}: {result.summary}" for name, result in results.items()}
    seconds = round(time.monotonic() - started)
    log.info("the clock ran", extra={"failed": len(done.failed), "seconds": seconds, "steps": facts})
    return done


def _wait_for_next_tick(step: Step) -> StepResult:
    result = StepResult(step.name, StepOutcome.FAILED, f"waits for {step.needs}, which failed")
    record_result(result)
    return result


def steps_of_a_tick(wait: Wait) -> Sequence[Step]:
    """Return the steps in the order in which they run; their names are what the operator sees."""
    return (
        Step("clock", _look_at_clock),
        MAILS,
        Step("hours", lambda now: f"{meter_hours(now=now)} new", needs="clock", is_dated=True),
        Step("closing", _close, needs="hours", is_dated=True),  # a month without its hours is a wrong invoice
        Step("delivery", partial(_deliver, wait=wait), needs="clock", is_dated=True),
        Step("customers", lambda _: f"{customers.push_changes(invoicing())} pushed"),
        Step("e_invoices", _fetch_e_invoices),
        Step("sync", partial(_sync, wait=wait)),
        STRIPE_EVENTS,
        Step("audit_heads", _write_heads, needs="clock"),
        Step("expired_rows", _delete_expired, needs="clock"),
        Step(OPERATOR_MAILS, _tell_operator),  # last: what this tick mended is not told
    )


def _look_at_clock(now: dt.datetime) -> str:
    del now
    refuse_distrusted_clock()
    return "trusted"


def _send_mails(now: dt.datetime) -> str:
    portal_url, operator = settings().portal_url, settings().watch.operations_mail
    composers = {
        PASSWORD_RESET: partial(password_reset_mail, portal_url=portal_url),
        OPERATOR_NOTICE: partial(operator_mail, to=operator, portal_url=portal_url),
    }
    return f"{outbox.send_due(mail(), composers, now=now)} sent"


def _close(now: dt.datetime) -> str:
    closed = close(now=now, grace_days=settings().close_grace_days, vat_rules=settings().vat_rules)
    return f"{closed.made} closed, {closed.in_review} parked"


def _deliver(now: dt.datetime, *, wait: Wait) -> str:
    seller, vat_rules, patience = settings().seller, settings().vat_rules, Patience(wait)
    counts = deliver(invoicing(), now=now, seller=seller, vat_rules=vat_rules, wait=patience)
    # A run that the provider's plan made long did its part: the age of the oldest document says the rest.
    return _left_or_counted(counts, left=0 if patience.is_over else counts.retry + counts.waiting)


def _fetch_e_invoices(now: dt.datetime) -> str:
    return f"{e_invoices.fetch(invoicing(), now=now, formats=settings().document_formats)} fetched"


def _sync(now: dt.datetime, *, wait: Wait) -> str:
    counts = sync(invoicing(), now=now, wait=wait)
    return _left_or_counted(counts, left=counts.failed)


def _left_or_counted(counts: DeliveryCounts | SyncCounts, *, left: int) -> str:
    """Say what was counted; raise where something that was due is left."""
    words = [f"{count} {name.replace('_', ' ')}" for name, count in asdict(counts).items() if count]
    if left:
        raise LeftForNextRunError(", ".join(words))
    return ", ".join(words) or "nothing to do"


def _process_stripe_events(now: dt.datetime) -> str:
    processed = process_events(stripe=stripe(), now=now)
    summary = f"{processed.done} done, {processed.to_retry} to retry"
    if not stripe().is_answering:
        raise LeftForNextRunError(f"{summary}; Stripe does not answer")
    return summary


def _reconcile_with_stripe(now: dt.datetime) -> str:
    done = reconcile(stripe=stripe(), now=now, is_whole=False)
    summary = f"{done.events} events new, {done.compared} organizations compared"
    if done.failed:
        raise LeftForNextRunError(f"{summary}, {done.failed} could not be compared")
    return summary


def _write_heads(now: dt.datetime) -> str:
    return f"{audit_heads.write_daily(now=now)} written"


def _tell_operator(now: dt.datetime) -> str:
    if settings().watch.operations_mail is None:
        return "nobody to tell: OPERATIONS_MAIL is not set"
    return tell_operator(present_facts(), now=now)


def _delete_expired(now: dt.datetime) -> str:
    """Delete the rows that were kept for long enough."""
    for forget in (
        sessions.forget_dead,
        throttle.forget_over,
        idempotency_records.forget_old,
        forget_old_requests,
        outbox.forget_old,
        queue.forget_old,
        calls.forget_old,
    ):
        forget(now=now)
    db.session.commit()
    return "deleted"


MAILS = Step("mails", _send_mails)  # a person waits for some: they go out between ticks too
STRIPE_EVENTS = Step("stripe_events", _process_stripe_events)  # Stripe tells at any second
RECONCILE = Step("reconcile", _reconcile_with_stripe)
