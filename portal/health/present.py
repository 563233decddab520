"""The facts of this moment, as requests, commands and the clock ask for them."""

from portal.health import queries
from portal.health.build import this_build
from portal.health.samples import Facts
from portal.timekeeping.clocks import true_now


def present_facts() -> Facts:
    """Return all that can be known now: the time is the true one, also where another is pretended."""
    return queries.facts(this_build(), now=true_now())
