"""The clock of billing: hours, close, deliver, mirror, strung together from the rooms' steps.

It may run at any time, twice at once, on two machines, and be killed at any point: the next run
finishes the work.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from portal.billing_run import customers, e_invoices
from portal.billing_run.close import close
from portal.billing_run.deliver import deliver
from portal.billing_run.mirror import mirror
from portal.domain.errors import BillingError
from portal.extensions import db
from portal.metering.clock import meter_hours
from portal.web.clock import utc_now
from portal.web.providers import easybill, settings

log = logging.getLogger(__name__)


def tick(now: dt.datetime, *, wait: Callable[[float], object] = time.sleep) -> str:
    """Run the clock once, and return in one line what it did.

    `wait` sits out the seconds for which EasyBill wants to be left alone.
    """
    hours = meter_hours(now=now)
    closed = close(now=now, grace_days=settings().close_grace_days)
    delivered = deliver(easybill(), now=now, wait=wait)
    customers.tell_changes(easybill())
    e_invoices.fetch(easybill(), now=now, formats=settings().easybill_formats)
    mirrored = mirror(easybill(), now=now)
    return (
        f"hours: {hours} new; invoices: {closed.made} closed, {closed.parked} parked;"
        f" documents: {delivered}; mirror: {mirrored}"
    )


def tick_safely(stopping: threading.Event) -> None:
    """Run the clock once; what failed is logged, and the next run goes on from there."""
    try:
        tick(utc_now(), wait=stopping.wait)
    except BillingError as error:
        db.session.rollback()
        log.warning("this tick was not finished; the next one goes on", extra={"reason": str(error)})
    except OperationalError:
        db.session.rollback()
        log.exception("the database failed in this tick; the next one goes on")
    finally:
        db.session.remove()


def work(every_seconds: int, stopping: threading.Event) -> None:
    """Run the clock again and again until told to stop."""
    while not stopping.is_set():
        tick_safely(stopping)
        stopping.wait(every_seconds)
