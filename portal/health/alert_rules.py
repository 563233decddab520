"""The alert rules of Prometheus: one for each condition, and those that only a history of numbers can tell.

`billing alert-rules` prints them; `deploy/prometheus/alerts.yml` is what it prints.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from portal.health.conditions import CONDITIONS, Condition, Level

_SEVERITIES: Mapping[Level, str] = {Level.SOON: "warning", Level.BROKEN: "critical"}
_ENDED_BADLY = 'outcome=~"unavailable|unknown|mistake"'


class AlertRule(NamedTuple):
    """An alert: `sentence` may name labels as `{label}` and the number as `{value}`."""

    name: str
    expression: str
    level: Level
    minutes: int
    sentence: str
    act: str
    unit: str = ""


OF_PROMETHEUS = (
    AlertRule(
        "PortalIsNotSeen",
        "absent(portal_build_info)",
        Level.BROKEN,
        5,
        "No process of the portal shows its metrics.",
        "See whether the servers run, and whether METRICS_TOKEN is the one that Prometheus sends.",
    ),
    AlertRule(
        "PortalRequestsFail",
        'sum(rate(portal_requests_total{status=~"5..", route!="/readyz"}[5m]))'
        ' / sum(rate(portal_requests_total{route!="/readyz"}[5m])) > 0.05',
        Level.BROKEN,
        5,
        "{value} of the requests fail.",
        "Read the errors of the log: each has the request's id.",
        "humanizePercentage",
    ),
    AlertRule(
        "PortalRequestsAreSlow",
        "histogram_quantile(0.95, sum by (le) (rate(portal_request_seconds_bucket[10m]))) > 2",
        Level.SOON,
        15,
        "One request in twenty takes more than {value}.",
        "Look at the load of the servers and of the database, and at the time that calls to providers take.",
        "humanizeDuration",
    ),
    AlertRule(
        "PortalBreakerIsOpen",
        "max by (provider) (portal_provider_rests_until_timestamp_seconds) > time() - 60",
        Level.SOON,
        10,
        "{provider} fails so often that it is left alone.",
        "See what the provider says of its state; nothing has to be restarted once it is back.",
    ),
    AlertRule(
        "PortalProviderFails",
        f"sum by (provider) (rate(portal_provider_call_seconds_count{{{_ENDED_BADLY}}}[15m]))"
        " / sum by (provider) (rate(portal_provider_call_seconds_count[15m])) > 0.5",
        Level.SOON,
        15,
        "{value} of the calls to {provider} fail.",
        "See what the provider says of its state, and whether this network reaches it.",
        "humanizePercentage",
    ),
    AlertRule(
        "PortalVersionsDiffer",
        "count(count by (version, commit) (portal_build_info)) > 1",
        Level.SOON,
        60,
        "{value} builds of the portal run at once.",
        "Finish the upgrade, or go back.",
    ),
)


def all_rules() -> Iterator[AlertRule]:
    yield from (_rule_of(condition) for condition in CONDITIONS)
    yield from OF_PROMETHEUS


def rendered() -> str:
    """Return the rules as a file of Prometheus."""
    lines = ["# Written by `billing alert-rules`: its conditions are those of `billing health`.", "groups:"]
    lines += ["  - name: portal", "    rules:"]
    for rule in all_rules():
        lines += _lines_of(rule)
    return "\n".join(lines) + "\n"


def _rule_of(condition: Condition) -> AlertRule:
    """Every process shows the same facts of the database: the worst of them counts."""
    by, selector = "", condition.metric
    names = [name for name in ("step", "product", "fact") if f"{{{name}}}" in condition.sentence]
    if names:
        by = f" by ({', '.join(names)}) "
    if condition.labels is not None:
        sign = "!~" if condition.labels.is_negated else "=~"
        selector += f"{{{condition.labels.name}{sign}{json.dumps(condition.labels.pattern)}}}"
    bounds = []
    if condition.above is not None:
        bounds.append(f"max{by}({selector}) > {condition.above}")
    if condition.below is not None:
        bounds.append(f"min{by}({selector}) < {condition.below}")
    return AlertRule(
        "Portal" + condition.key.title().replace("_", ""),
        " or ".join(bounds),
        condition.level,
        condition.minutes,
        condition.sentence,
        condition.act,
        "humanizeDuration" if condition.metric.endswith("_seconds") else "",
    )


class _Placeholders(dict[str, str]):
    """Turns `{step}` into what Prometheus puts there itself."""

    def __missing__(self, label: str) -> str:
        return f"{{{{ $labels.{label} }}}}"


def _lines_of(rule: AlertRule) -> Iterator[str]:
    value = f"{{{{ $value | {rule.unit} }}}}" if rule.unit else "{{ $value }}"
    yield f"      - alert: {rule.name}"
    yield f"        expr: '{rule.expression}'"  # PromQL quotes with two strokes
    yield f"        for: {rule.minutes}m"
    yield f"        labels: {{severity: {_SEVERITIES[rule.level]}}}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(rule.sentence.format_map(_Placeholders(value=value)))}"
    yield f"          description: {json.dumps(rule.act)}"
