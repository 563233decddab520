"""The facts of this moment, as requests, commands and the clock ask for them."""

import datetime as dt
from collections.abc import Iterator

from portal.health import queries
from portal.health.build import this_build
from portal.health.samples import Facts, Sample
from portal.timekeeping.clocks import true_now
from portal.timekeeping.fence import clock_facts


def present_facts() -> Facts:
    """Return all that can be known now: the time is the true one, also where another is pretended."""
    return queries.facts(this_build(), now=true_now(), more={"clocks": _clocks})


def _clocks(now: dt.datetime) -> Iterator[Sample]:
    """Yield whether a jump stopped billing, and how far this host is ahead, where there are two clocks."""
    del now
    seen = clock_facts()
    yield Sample("portal_clock_stopped", int(seen.is_stopped))
    if seen.host_ahead is not None:
        yield Sample("portal_clock_host_ahead_seconds", round(seen.host_ahead / dt.timedelta(seconds=1)))
