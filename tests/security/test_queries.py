"""Hostile values of every query parameter of every address: the answer comes soon, and is short (S23)."""

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from portal.access.auth import COLLECTOR, WEBHOOK, policy_of
from tests.openapi.contract import document, operations_of, resolved
from tests.page import JSON
from tests.security.doors import path_of
from tests.security.sizes import sized
from tests.security.test_forgeries import entered
from tests.security.test_tenants import HARMLESS, QUERY, rules_of

SECONDS_MAX = 2.0  # of this process alone, so that a busy machine is no failure
BYTES_MAX = 200_000
NUMBERS = (
    "1e1000000", "1e-999999999999", "1e30000000", "4e300000", "0e1000000", "-1e1000000", "NaN", "sNaN",
    "Infinity", "-Infinity", "9" * 100_000, "0." + "0" * 100_000 + "1", "1" + "_1" * 50_000, "-1", "-0", "1e",
    "٣", "²", "１", "0x10", "1,5", " 1", "+1", "9223372036854775808",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "\u202e", "%", "%s%n", "../..", "0001-01-01T00:00:00+14:00",
    "9999-12-31", "2026-W01-1", "none", "null", "[" * 50_000, "{}", "A" * 100_000, "é" * 50_000,
    "00000000-0000-0000-0000-00000000000g",
)  # fmt: skip
FACES = (JSON, {"Accept": "text/html"}, {"HX-Request": "true", "HX-Target": "usage"})
OF_PATHS: dict[str, set[str]] = defaultdict(set)  # what is said of each path's query
for _, described_path, operation in operations_of(document()):
    for each in operation.get("parameters", []):
        if (parameter := resolved(document(), each))["in"] == "query":
            OF_PATHS[described_path].add(parameter["name"])
DESCRIBED = set().union(*OF_PATHS.values())


def query(name: str, value: str, times: int = 1) -> str:
    """Return a query string that says it so often, beside a month with usage."""
    month = [] if name in {"month", "day", "from", "to"} else [("month", "2026-01")]
    return urlencode([(name, value)] * times + month, errors="surrogatepass")


def asked(app, tenant) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (path, query, headers) of every address that answers to GET."""
    faces, each_value = itertools.cycle(FACES), itertools.cycle(NUMBERS + TEXTS)
    times = itertools.cycle([1, 2])
    names = sorted(DESCRIBED | set(QUERY) | HARMLESS)
    for rule in rules_of(app):
        if "GET" not in rule.methods or "filename" in rule.arguments:
            continue
        if policy_of(app, rule.endpoint) in {COLLECTOR, WEBHOOK}:
            continue
        path = path_of(rule, tenant)
        turn = len(rule.rule)
        own = OF_PATHS[re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        for name in sized([names[turn % len(names)]], names):
            for value in sized([next(each_value)], NUMBERS + TEXTS if name in own else [next(each_value)]):
                yield path, query(name, value, next(times)), next(faces)
    for value in NUMBERS:  # where a number is meant
        for face in sized(FACES[1:2], FACES):
            yield "/billing/usage", query("unit_price", value), face


def test_the_attacked_parameters_of_queries_are_found_in_the_description():
    assert {"unit_price", "month", "cursor", "limit", "project_id"} <= DESCRIBED


@pytest.mark.timeout(900)
def test_a_hostile_value_of_a_query_costs_little_and_is_answered_in_few_bytes(app, tenants, proves):
    ours, _ = tenants
    client = entered(app, ours.admin)
    wrong, slowest, longest, count = [], 0.0, 0, 0
    for path, said, face in asked(app, ours):
        began = time.process_time()
        answer = client.get(path, query_string=said, headers=face)
        took, length = time.process_time() - began, len(answer.get_data())
        slowest, longest, count = max(slowest, took), max(longest, length), count + 1
        if answer.status_code >= 500 or took > SECONDS_MAX or length > BYTES_MAX:
            wrong.append(f"{path}?{said[:60]}: {answer.status_code}, {took:.1f} s, {length} bytes")
        answer.close()
    assert wrong == []
    proves(f"S23 {count} hostile queries: 0 answers of 500, at most {slowest:.1f} s and {longest} bytes")
