"""The scheduler as a program: ticks for ever, mails in between, and Stripe's events beside them."""

import itertools
import logging
from functools import partial

from flask import Flask, current_app

from portal.scheduler.step import run_step
from portal.scheduler.tick import MAILS, RECONCILE, STRIPE_EVENTS, tick
from portal.stopping import Stopping, Works
from portal.storage import db
from portal.timekeeping.clocks import utc_now

log = logging.getLogger(__name__)
_MAILS_EVERY_SECONDS = 2
_RECONCILE_SECONDS = 3600
_RECONCILE_AGAIN_SECONDS = 60  # after a failure
_RECORDED_EVERY_SECONDS = 30  # a round that did its work: one row written a second would be a load of its own


def work_until_stopped(every_seconds: int, stopping: Stopping, *, stop_seconds: int) -> None:
    """Run the clock and follow Stripe until told to stop; `stop_seconds` later a step is abandoned."""
    app = current_app.app_context().app  # itself, for the threads
    works = Works(stopping)
    works.begin("clock", partial(run_forever, app, every_seconds, stopping))
    works.begin("stripe", partial(follow_stripe, app, stopping))
    stopping.wait()
    is_over = works.end(stop_seconds)
    log.info("the clock stopped", extra={"within_a_step": not is_over})


def run_forever(app: Flask, every_seconds: int, stopping: Stopping) -> None:
    """Run the clock again and again until told to stop."""
    with app.app_context():
        while not stopping.is_set():
            tick_once(stopping)
            pause(every_seconds, stopping)


def tick_once(stopping: Stopping) -> None:
    """Run the clock once, and leave nothing in this thread's session."""
    try:
        tick(utc_now(), wait=stopping.wait, is_stopping=stopping.is_set)
    finally:
        db.session.remove()


def pause(seconds: int, stopping: Stopping) -> None:
    """Wait for the next tick, and send the mails that are due meanwhile."""
    for _ in range(0, seconds, _MAILS_EVERY_SECONDS):
        if stopping.wait(_MAILS_EVERY_SECONDS):
            return
        run_step(MAILS, utc_now(), is_recorded=False)
        db.session.remove()


def follow_stripe(app: Flask, stopping: Stopping) -> None:
    """Process Stripe's events every second, and fetch now and every hour those that did not arrive."""
    with app.app_context():
        reconcile_at = 0
        for second in itertools.count():
            if stopping.is_set():
                return
            step = RECONCILE if second >= reconcile_at else STRIPE_EVENTS
            is_recorded = step is RECONCILE or second % _RECORDED_EVERY_SECONDS == 1
            result = run_step(step, utc_now(), is_recorded=is_recorded)
            if step is RECONCILE:
                reconcile_at = second + (_RECONCILE_SECONDS if result.is_done else _RECONCILE_AGAIN_SECONDS)
            db.session.remove()
            stopping.wait(1)
