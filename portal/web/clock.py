"""What time it is for a request: read once, so that an answer speaks of one instant."""

import datetime as dt
from typing import cast

from flask import current_app, g

from portal.services import utc_now


def now() -> dt.datetime:
    """Return the instant of this request, aware, in UTC."""
    if "now" not in g:
        clock = current_app.extensions.get("portal.clock", utc_now)
        g.now = clock()
    return cast("dt.datetime", g.now)
