"""Facts about a running portal, as samples: one number each, under the name that Prometheus knows it by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# What each is, in words for a person; the number follows.
METRICS: Mapping[str, str] = {
    "portal_build_info": "Build and schema",
    "portal_database_up": "The database answers",
    "portal_fact_unknown": "Could not be read in time",
    "portal_schema_behind": "The schema is behind the code",
    "portal_clock_stopped": "Billing is stopped: the clock jumped",
    "portal_clock_host_ahead_seconds": "The clock of this host is ahead of the database's by",
    "portal_clock_steps": "Steps of the clock that ran at least once",
    "portal_clock_step_ever_completed": "The step of the clock was complete at least once",
    "portal_clock_step_age_seconds": "Time since the step of the clock was last complete",
    "portal_documents_undelivered": "Legal documents that are still to be made",
    "portal_documents_failed": "of these, those that failed and are tried again",
    "portal_documents_age_seconds": "Time since the invoice of the oldest of these was closed",
    "portal_documents_stuck": "Legal documents that are stuck",
    "portal_months_in_review": "Months in review",
    "portal_hours_missing": "Hours that should be metered and are not",
    "portal_stripe_events_waiting": "Events of Stripe's that wait",
    "portal_stripe_events_failed": "of these, those that failed and are tried again",
    "portal_stripe_events_age_seconds": "Time since the oldest of these came",
    "portal_mails_waiting": "Mails that wait to be sent",
    "portal_mails_failed": "of these, those that failed and are tried again",
    "portal_mails_age_seconds": "Time since the oldest of these was ordered",
}
TRUE_OR_NOT = frozenset(
    {
        "portal_database_up",
        "portal_fact_unknown",
        "portal_schema_behind",
        "portal_clock_stopped",
        "portal_clock_step_ever_completed",
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; durations are whole seconds, and what is true or not is 1 or 0."""

    metric: str
    value: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Build:
    """What runs: the version, the commit it was built from where that is told, and the schema it needs."""

    version: str
    commit: str
    schema: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known now. Where the database does not answer that is little, and says so."""

    samples: Sequence[Sample]

    def of(self, metric: str) -> Sequence[Sample]:
        return [sample for sample in self.samples if sample.metric == metric]
