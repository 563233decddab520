"""What time and day it is for a request: read once, so that an answer speaks of one instant."""

import datetime as dt
from typing import cast

from flask import g

from portal.services import settings
from portal.timekeeping.clocks import utc_now


def now() -> dt.datetime:
    """Return the instant of this request, aware, in UTC."""
    if "now" not in g:
        g.now = utc_now()
    return cast("dt.datetime", g.now)


def today() -> dt.date:
    """Return the seller's day: documents are dated and fall due by it."""
    return settings().seller.day_of(now())
