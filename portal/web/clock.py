"""What time it is: read once a request, here and nowhere else."""

from __future__ import annotations

import datetime as dt
from typing import cast

from flask import current_app, g


def now() -> dt.datetime:
    """Return the instant of this request, aware, in UTC."""
    if "now" not in g:
        clock = current_app.extensions.get("portal.clock", utc_now)
        g.now = clock()
    return cast("dt.datetime", g.now)


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
