"""The facts and the numbers of all processes, as Prometheus reads them.

Its library is imported at the first number: see `portal.instruments`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Response

from portal import instruments
from portal.health.samples import METRICS, Facts

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class CollectedFacts:
    """The facts as a collector; they were read before, so that one scrape reads them once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see above

        for name, words in METRICS.items():
            samples = self._facts.of(name)
            if samples:
                family = GaugeMetricFamily(name, words, labels=tuple(samples[0].labels))
                for sample in samples:
                    family.add_metric(tuple(sample.labels.values()), sample.value)
                yield family


def exposition(facts: Facts) -> Response:
    """Answer with everything that is known, in the text format."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - see above

    registry = instruments.registry()
    registry.register(CollectedFacts(facts))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
