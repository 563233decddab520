"""The numbers that a process keeps while it works: requests, and calls to providers.

Several processes of one server keep theirs in files, where PROMETHEUS_MULTIPROC_DIR says; `/metrics` adds
them up. The library looks for that name when it is imported, so it is imported at the first number: by then
the server has set it, and a command that counts nothing pays nothing.
"""

import logging
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from portal.gateways.observing import CallObserver, CallOutcome
from portal.timekeeping.clocks import system_now

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)
_REQUEST_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALL_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Instruments:
    """The counters, and the registry that has them. Each label has few values: none is a path or an id."""

    def __init__(self) -> None:
        import prometheus_client as library  # noqa: PLC0415 - see above

        library.disable_created_metrics()
        self.own = library.CollectorRegistry()
        self.requests = library.Counter(
            "portal_requests", "Requests answered.", ("route", "method", "status"), registry=self.own
        )
        self.request_seconds = library.Histogram(
            "portal_request_seconds",
            "Seconds until a request was answered.",
            ("route", "method"),
            buckets=_REQUEST_SECONDS,
            registry=self.own,
        )
        self.call_seconds = library.Histogram(
            "portal_provider_call_seconds",
            "Seconds that a call to a provider took.",
            ("provider", "operation", "outcome"),
            buckets=_CALL_SECONDS,
            registry=self.own,
        )
        self.rests_until = library.Gauge(
            "portal_provider_rests_until_timestamp_seconds",
            "Until when an open breaker leaves a provider alone.",
            ("provider",),
            multiprocess_mode="livemax",
            registry=self.own,
        )


@cache
def instruments() -> Instruments:
    """Return the counters of this process."""
    return Instruments()


def registry() -> "CollectorRegistry":
    """Return a new registry that has the numbers of every process of this server."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - see above
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    numbers = CollectorRegistry()
    if os.environ.get(_FOLDER):
        MultiProcessCollector(numbers)
    else:
        numbers.register(instruments().own)
    return numbers


def forget_process(process: int) -> None:
    """Count a process that has ended no longer among those that are alive; its sums stay."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - see above

    mark_process_dead(process)


def count_request(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    try:
        instruments().requests.labels(route, method, str(status)).inc()
        instruments().request_seconds.labels(route, method).observe(seconds)
    except OSError as error:  # the disk is full: the answer is more than its number
        log.warning("a request was not counted", extra={"reason": str(error)})


@dataclass(frozen=True, slots=True)
class CountedCalls(CallObserver):
    """Counts the calls to one provider."""

    provider: str

    def called(self, operation: str, outcome: CallOutcome, seconds: float) -> None:
        try:
            instruments().call_seconds.labels(self.provider, operation, outcome).observe(seconds)
        except OSError as error:
            log.warning("a call was not counted", extra={"reason": str(error)})

    def rests(self, seconds: float) -> None:
        try:
            instruments().rests_until.labels(self.provider).set(system_now().timestamp() + seconds)
        except OSError as error:
            log.warning("an open breaker was not counted", extra={"reason": str(error)})
