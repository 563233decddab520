"""The facts and what is not well about them, in lines for a person."""

from collections.abc import Iterator, Sequence

from portal.health.conditions import Finding, Level, findings, in_words
from portal.health.samples import METRICS, Facts, Sample

_WIDTH = len(Level.BROKEN.name)


def worst(all_findings: Sequence[Finding]) -> Level:
    return max((finding.condition.level for finding in all_findings), default=Level.WELL)


def lines(facts: Facts) -> Iterator[str]:
    """Yield what is not well with what to do about it, the worst first, and then every fact."""
    bad = sorted(findings(facts), key=lambda finding: finding.condition.level, reverse=True)
    for finding in bad:
        yield f"{finding.condition.level.name.lower():{_WIDTH}}  {finding.sentence} {finding.condition.act}"
    if not bad:
        yield f"{'well':{_WIDTH}}  Nothing waits for a person."
    yield from (f"{'':{_WIDTH}}  {_in_words(sample)}" for sample in facts.samples if _is_news(sample))


def _is_news(sample: Sample) -> bool:
    """A person reads what is unknown, missing or was never done, and not all that is as it should be."""
    if sample.metric in {"portal_fact_unknown", "portal_hours_missing"}:
        return sample.value != 0
    return sample.metric != "portal_clock_step_ever_completed" or sample.value == 0


def _in_words(sample: Sample) -> str:
    which = " ".join(f"{name} {value}" for name, value in sample.labels.items() if value)
    if sample.metric == "portal_build_info":
        return f"{METRICS[sample.metric]}: {which}"
    return f"{METRICS[sample.metric]}{which and f' ({which})'}: {in_words(sample)}"
