"""Closing months with the settings of the app, as the scheduler does."""

from __future__ import annotations

import datetime as dt

from portal.closing import close as closing
from portal.closing.close import Closed
from portal.services import settings


def close(*, now: dt.datetime, grace_days: int) -> Closed:
    return closing.close(now=now, grace_days=grace_days, vat_rules=settings().vat_rules)
