"""The scheduler of billing: a tick meters hours, closes, delivers and syncs with the rooms' steps.

A tick may run at any time, twice at once, on two machines, and be killed at any point: the next one finishes
the work. Stripe's events cannot wait for it, and are processed beside it.
"""

import datetime as dt
import itertools
import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from flask import Flask, current_app
from sqlalchemy.exc import OperationalError

from portal.access import idempotency_records, sessions, throttle
from portal.closing.close import close
from portal.delivery import customers, e_invoices
from portal.delivery.deliver import deliver
from portal.delivery.sync import sync
from portal.domain.errors import BillingError
from portal.mailing import outbox
from portal.metering.clock import meter_hours
from portal.payment_methods import calls, queue
from portal.services import invoicing, mail, settings, stripe
from portal.signing_in.actions import PASSWORD_RESET
from portal.signing_in.steps import forget_old_requests, password_reset_mail
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from portal.webhooks.steps import process_events, reconcile

log = logging.getLogger(__name__)
_URGENT_EVERY_SECONDS = 2
_RECONCILE_SECONDS = 3600


def tick(now: dt.datetime, *, wait: Callable[[float], object] = time.sleep) -> str:
    """Run the clock once, and return in one line what it did.

    `wait` sits out the seconds for which the invoicing provider wants to be left alone.
    """
    run_urgent_jobs(now)
    hours = meter_hours(now=now)
    seller, vat_rules = settings().seller, settings().vat_rules
    closed = close(now=now, grace_days=settings().close_grace_days, vat_rules=vat_rules)
    delivered = deliver(invoicing(), now=now, seller=seller, vat_rules=vat_rules, wait=wait)
    customers.push_changes(invoicing())
    e_invoices.fetch(invoicing(), now=now, formats=settings().document_formats)
    synced = sync(invoicing(), now=now, wait=wait)
    events = process_events(stripe=stripe(), now=now)
    _delete_expired(now)
    return (
        f"hours: {hours} new; invoices: {closed.made} closed, {closed.in_review} parked;"
        f" documents: {delivered}; sync: {synced};"
        f" stripe: {events.done} events done, {events.to_retry} to retry"
    )


def run_urgent_jobs(now: dt.datetime) -> None:
    """Do the small jobs that a person waits for; they come round more often than a tick."""
    portal_url = settings().portal_url
    composers = {PASSWORD_RESET: partial(password_reset_mail, portal_url=portal_url)}
    outbox.send_due(mail(), composers, now=now)


def _delete_expired(now: dt.datetime) -> None:
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


def tick_safely(stopping: threading.Event) -> None:
    """Run the clock once; a failure is logged, and the next run goes on from there."""
    _safely(lambda: tick(utc_now(), wait=stopping.wait))


def follow_stripe(app: Flask, stopping: threading.Event) -> None:
    """Process Stripe's events every second, and fetch now and every hour those that did not arrive."""
    with app.app_context():
        for second in itertools.count():
            if stopping.is_set():
                return
            _safely(partial(_process_stripe, is_catching_up=second % _RECONCILE_SECONDS == 0))
            stopping.wait(1)


def _process_stripe(*, is_catching_up: bool) -> None:
    if is_catching_up:
        reconcile(stripe=stripe(), now=utc_now(), is_whole=False)
    else:
        process_events(stripe=stripe(), now=utc_now())


def _safely(step: Callable[[], object]) -> None:
    try:
        step()
    except BillingError as error:
        log.warning("this was not finished; the next round goes on", extra={"reason": str(error)})
    except OperationalError:
        log.exception("the database failed; the next round goes on")
    except Exception:  # ours to mend, but one mistake must not stop the clock of everything else
        log.exception("unexpected error; the next round goes on")
    finally:
        db.session.remove()


def pause(seconds: int, stopping: threading.Event) -> None:
    """Wait for the next tick, and run the urgent jobs meanwhile."""
    for _ in range(0, seconds, _URGENT_EVERY_SECONDS):
        if stopping.wait(_URGENT_EVERY_SECONDS):
            return
        _safely(lambda: run_urgent_jobs(utc_now()))


def run_forever(every_seconds: int, stopping: threading.Event) -> None:
    """Run the clock again and again until told to stop, with Stripe's events processed beside it."""
    app = current_app.app_context().app  # itself, for the thread
    threading.Thread(target=follow_stripe, args=(app, stopping), name="stripe", daemon=True).start()
    while not stopping.is_set():
        tick_safely(stopping)
        pause(every_seconds, stopping)
