"""Alert rules and dashboard speak of the numbers that there are, and promtool takes both."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.config import ROOT
from portal.health.alert_rules import all_rules, rendered
from portal.health.conditions import CONDITIONS
from portal.health.samples import METRICS
from portal.instruments import Instruments
from portal.scheduler.tick import RECONCILE, steps_of_a_tick

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "portal.json"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def expressions_of_dashboard() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def names_in(expression: str) -> set[str]:
    """Return the names of numbers in an expression; what is in quotes or braces is none."""
    return set(re.findall(r"\bportal_\w+", re.sub(r"\{[^}]*\}", "", expression)))


def names_of_numbers() -> Iterator[str]:
    yield from METRICS
    for collector in vars(Instruments()).values():
        for metric in getattr(collector, "describe", tuple)():
            yield from (metric.name + suffix for suffix in SUFFIXES[metric.type])


def shown() -> set[str]:
    expressions = [rule.expression for rule in all_rules()] + expressions_of_dashboard()
    return set().union(*map(names_in, expressions))


def test_alerts_and_dashboard_name_only_numbers_that_exist():
    assert shown() - set(names_of_numbers()) == set()


def test_every_number_is_on_the_dashboard_or_in_an_alert():
    # An average is the sum by the count: the buckets tell more.
    assert set(names_of_numbers()) - shown() <= {
        "portal_provider_call_seconds_sum",
        "portal_request_seconds_count",
    }


def test_the_search_for_names_finds_each_and_no_label():
    expression = 'sum by (step) (rate(portal_a_total{route="portal_x"}[5m])) / portal_b_count > bool 0'
    assert names_in(expression) == {"portal_a_total", "portal_b_count"}


def test_the_file_of_alert_rules_is_what_the_command_prints(app):
    result = app.test_cli_runner().invoke(args=["billing", "alert-rules"])
    assert result.output == RULES.read_text() == rendered()


def test_conditions_name_steps_that_the_clock_has():
    names = {step.name for step in steps_of_a_tick(lambda _: None)} | {RECONCILE.name}
    patterns = {condition.labels.pattern for condition in CONDITIONS if condition.labels}
    assert patterns
    assert {name for pattern in patterns for name in pattern.split("|")} <= names


# -- promtool -----------------------------------------------------------------------------------------
@pytest.fixture
def promtool():
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")

    def run(*arguments: object) -> str:
        command = ["promtool", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_promtool_takes_the_alert_rules(promtool):
    assert f"{len(list(all_rules()))} rules found" in promtool("check", "rules", RULES)


def test_alerts_come_when_they_should_and_only_then(promtool):
    assert "SUCCESS" in promtool("test", "rules", Path(__file__).with_name("alerts.test.yml"))


def test_promtool_takes_every_expression_of_the_dashboard(promtool, tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions_of_dashboard())
    ]
    path = tmp_path / "dashboard.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", path)
