"""The bounds of what is well, defined once: for `billing health`, the alert rules and the operator's mails.

What only Prometheus can see, such as the share of requests that failed, is in `alert_rules`.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import IntEnum
from typing import NamedTuple

from portal.health.samples import TRUE_OR_NOT, Facts, Sample
from portal.timekeeping.fence import HOSTS_DIFFER_MAX

# What a provider's outage keeps from being complete is not broken by us.
_WITH_A_PROVIDER = "delivery|customers|e_invoices|sync|stripe_events|reconcile"
_MINUTE, _HOUR = 60, 3600
_HOSTS_DIFFER_SECONDS_MAX = HOSTS_DIFFER_MAX // dt.timedelta(seconds=1)


class Level(IntEnum):
    """How bad it is; also the exit code of `billing health`."""

    WELL = 0
    SOON = 1  # a person is needed within the day
    BROKEN = 2  # customers notice, or invoices will be wrong: now


class Labels(NamedTuple):
    """Which samples of a metric are meant: those whose label matches, or all the others."""

    name: str
    pattern: str
    is_negated: bool = False

    def match(self, sample: Sample) -> bool:
        return bool(re.fullmatch(self.pattern, sample.labels[self.name])) is not self.is_negated


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is not well: a sample `above` or `below` a bound, for `minutes` where one can wait.

    `sentence` may name the labels and the `value`; `act` is the first thing to do. A mail says it where
    `is_mailed`.
    """

    key: str
    metric: str
    level: Level
    sentence: str
    act: str
    _: KW_ONLY
    above: int | None = None
    below: int | None = None
    labels: Labels | None = None
    minutes: int = 2
    is_mailed: bool = False

    def holds_of(self, sample: Sample) -> bool:
        if self.labels is not None and not self.labels.match(sample):
            return False
        is_above = self.above is not None and sample.value > self.above
        return is_above or (self.below is not None and sample.value < self.below)


class Finding(NamedTuple):
    """A condition that holds, and of which sample."""

    condition: Condition
    sample: Sample

    @property
    def key(self) -> str:
        """Name it so that it is the same again at the next look."""
        return " ".join((self.condition.key, *self.sample.labels.values()))

    @property
    def sentence(self) -> str:
        return self.condition.sentence.format(value=in_words(self.sample), **self.sample.labels)


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield what is not well, in the order of the conditions."""
    for condition in CONDITIONS:
        for sample in facts.of(condition.metric):
            if condition.holds_of(sample):
                yield Finding(condition, sample)


def in_words(sample: Sample) -> str:
    """Return a sample's number as a person reads it."""
    if sample.metric in TRUE_OR_NOT:
        return "yes" if sample.value else "no"
    if not sample.metric.endswith("_seconds"):
        return str(sample.value)
    days, seconds = divmod(abs(sample.value), 24 * _HOUR)
    hours, seconds = divmod(seconds, _HOUR)
    parts: Mapping[str, int] = {"d": days, "h": hours, "min": seconds // _MINUTE, "s": seconds % _MINUTE}
    largest = [f"{count} {unit}" for unit, count in parts.items() if count][:2]
    return ("-" if sample.value < 0 else "") + (" ".join(largest) or "0 s")


CONDITIONS = (
    Condition(
        "database_down", "portal_database_up", Level.BROKEN,
        "The database does not answer.",
        "Start PostgreSQL, or look at its log; nothing of ours has to be restarted.",
        below=1, minutes=1,
    ),
    Condition(
        "schema_behind", "portal_schema_behind", Level.BROKEN,
        "The schema is behind the code.",
        "Run `flask --app wsgi db upgrade`.",
        above=0,
    ),
    Condition(
        "clock_stopped",
        "portal_clock_stopped",
        Level.BROKEN,
        "The clock jumped: nothing is metered, closed or delivered.",
        "`billing clock` says how; once it is right, `billing clock accept --reason WHY` goes on.",
        above=0,
        is_mailed=True,
    ),
    Condition(
        "clock_differs",
        "portal_clock_host_ahead_seconds",
        Level.BROKEN,
        "A host's clock differs from the database's by {value}: a host that does meters and closes nothing.",
        "See that both keep time (NTP); nothing has to be restarted.",
        above=_HOSTS_DIFFER_SECONDS_MAX,
        below=-_HOSTS_DIFFER_SECONDS_MAX,
        is_mailed=True,
    ),
    Condition(
        "clock_never_ran", "portal_clock_steps", Level.BROKEN,
        "The clock never ran: nothing is metered, closed or delivered.",
        "Start `flask --app wsgi billing work`.",
        below=1, minutes=5,
    ),
    Condition(
        "clock_step_late", "portal_clock_step_age_seconds", Level.BROKEN,
        "The clock's step {step} was last complete {value} ago.",
        "See that `billing work` runs, and read the lines of this step in its log.",
        labels=Labels("step", _WITH_A_PROVIDER, is_negated=True), above=15 * _MINUTE, is_mailed=True,
    ),
    Condition(
        "clock_step_with_a_provider_late", "portal_clock_step_age_seconds", Level.SOON,
        "The clock's step {step} was last complete {value} ago.",
        "Read the lines of this step in the clock's log: is the provider down, is our key refused?",
        labels=Labels("step", _WITH_A_PROVIDER), above=3 * _HOUR, is_mailed=True,
    ),
    Condition(
        "clock_step_never_complete", "portal_clock_step_ever_completed", Level.SOON,
        "The clock's step {step} was never complete.",
        "Read the lines of this step in the clock's log.",
        below=1, minutes=15, is_mailed=True,
    ),
    Condition(
        "hours_missing", "portal_hours_missing", Level.SOON,
        "{value} hours of {product} should be metered and are not.",
        "See that the clock's step hours is complete.",
        above=0, minutes=15,
    ),
    Condition(
        "months_in_review", "portal_months_in_review", Level.SOON,
        "{value} months look wrong and wait to be looked at.",
        "`billing parked` says which and why, `billing release` lets one go.",
        above=0, minutes=0,
    ),
    Condition(
        "documents_stuck", "portal_documents_stuck", Level.SOON,
        "{value} legal documents are stuck.",
        "`billing stuck` says which and why, `billing retry` tries again.",
        above=0, minutes=0,
    ),
    Condition(
        "documents_late", "portal_documents_age_seconds", Level.SOON,
        "The oldest legal document that is not delivered is of an invoice closed {value} ago.",
        "`billing stuck` says what failed; at the start of a month the provider's plan may be the limit.",
        above=24 * _HOUR, minutes=10, is_mailed=True,
    ),
    Condition(
        "stripe_events_late", "portal_stripe_events_age_seconds", Level.SOON,
        "The oldest event of Stripe's that is not processed came {value} ago.",
        "`stripe events` says what failed.",
        above=_HOUR, minutes=10, is_mailed=True,
    ),
    Condition(
        "mails_late", "portal_mails_age_seconds", Level.SOON,
        "The oldest mail that is not sent was ordered {value} ago.",
        "See that MAIL_URL's server takes mail: the clock's log says what it answered.",
        above=30 * _MINUTE, minutes=10,
    ),
    Condition(
        "fact_unknown", "portal_fact_unknown", Level.SOON,
        "How it is with {fact} could not be read in time.",
        "The database is slow: look for long statements and locks.",
        above=0, minutes=15,
    ),
)  # fmt: skip
