"""What needs a person, one notice a thing: a month in review, a stuck document, a condition that holds.

The same thing has the same key at the next look.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from portal.closing.review import months_in_review
from portal.delivery.outbox import undelivered
from portal.health.conditions import findings
from portal.health.samples import Facts
from portal.models import Delivery

OPERATOR_MAILS = "operator_mails"  # of the scheduler; it does not report itself
_AT_ONCE, _ONCE_LASTING = dt.timedelta(), dt.timedelta(minutes=5)


class Notice(NamedTuple):
    """A thing in one sentence; it is told once it has lasted so long."""

    sentence: str
    told_after: dt.timedelta


def notices(facts: Facts) -> Mapping[str, Notice]:
    """Return everything that needs a person now, by its key."""
    return dict([*_of_conditions(facts), *_of_months(), *_of_documents()])


def _of_conditions(facts: Facts) -> Iterator[tuple[str, Notice]]:
    for finding in findings(facts):
        condition = finding.condition
        if condition.is_mailed and finding.sample.labels.get("step") != OPERATOR_MAILS:
            yield finding.key, Notice(f"{finding.sentence} {condition.act}", _ONCE_LASTING)


def _of_months() -> Iterator[tuple[str, Notice]]:
    for organization, month in months_in_review():
        sentence = f"{organization.number} {organization.name}, {month.period} is in review: {month.reason}"
        yield f"month {organization.number} {month.period}", Notice(sentence, _AT_ONCE)


def _of_documents() -> Iterator[tuple[str, Notice]]:
    for organization, invoice in undelivered():
        if invoice.delivery == Delivery.STUCK:
            sentence = (
                f"{organization.number} {organization.name}, the document of {invoice.period} is stuck:"
            )
            yield (
                f"document {organization.number} {invoice.period}",
                Notice(f"{sentence} {invoice.last_error}", _AT_ONCE),
            )
