"""Closing months and delivering their documents with the settings of the app, as the scheduler does."""

import datetime as dt
from typing import Any

from flask import current_app

from portal.closing import close as closing
from portal.closing.close import Closed
from portal.closing.verify import verify
from portal.delivery import deliver as delivering
from portal.delivery.deliver import DeliveryCounts
from portal.gateways.invoicing import InvoicingProvider
from portal.services import settings
from tests.backends import Clock


def close(*, now: dt.datetime, grace_days: int) -> Closed:
    """Close what is due at a time that a test may be ahead of: its clock goes there, and never back."""
    clock = current_app.extensions["portal.clock"]
    if isinstance(clock, Clock):
        clock.at = max(clock.at, now)
    return closing.close(now=now, grace_days=grace_days, vat_rules=settings().vat_rules)


def deliver(provider: InvoicingProvider, *, now: dt.datetime, **more: Any) -> DeliveryCounts:
    terms = settings()
    return delivering.deliver(provider, now=now, seller=terms.seller, vat_rules=terms.vat_rules, **more)


def differences() -> list[str]:
    """Return what `billing verify` finds."""
    return list(verify(vat_rules=settings().vat_rules))
