"""What is told of every call to a provider: which question it was, how it ended, and how long it took.

A gateway does not know who listens.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from portal.domain.errors import BillingError, OutcomeUnknownError, ProviderUnavailableError


class CallOutcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # an answer too: declined, not found, not allowed
    UNAVAILABLE = "unavailable"  # no answer in time, or a failure of the provider's
    UNKNOWN = "unknown"  # no answer in time, and it may have had an effect
    NOT_BEGUN = "not_begun"  # the breaker is open, or the budget of calls used up
    MISTAKE = "mistake"  # ours: no error of billing


class CallObserver:
    """Listens to the calls to one provider; this one to nothing."""

    def called(self, operation: str, outcome: CallOutcome, seconds: float) -> None:
        """Take note of a call; `operation` is one of few words, and names no object."""

    def rests(self, seconds: float) -> None:
        """Take note that the breaker has opened, or stays open, for so long."""


class ObservedCall:
    """A call that may be kept from beginning."""

    is_begun = False

    def begins(self) -> None:
        self.is_begun = True

    def outcome_of(self, error: Exception) -> CallOutcome:
        if isinstance(error, OutcomeUnknownError):
            return CallOutcome.UNKNOWN
        if isinstance(error, ProviderUnavailableError):
            return CallOutcome.UNAVAILABLE if self.is_begun else CallOutcome.NOT_BEGUN
        return CallOutcome.REFUSED if isinstance(error, BillingError) else CallOutcome.MISTAKE


@contextmanager
def observed(observer: CallObserver, operation: str) -> Iterator[ObservedCall]:
    """Tell an observer how the call inside ends; the call says when it begins."""
    started = time.monotonic()
    call = ObservedCall()
    outcome = CallOutcome.ANSWERED
    try:
        yield call
    except Exception as error:
        outcome = call.outcome_of(error)
        raise
    finally:
        observer.called(operation, outcome, time.monotonic() - started)
