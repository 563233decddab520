"""The time of the host is read in one module, so that the clock of the app is the only one.

Durations are measured by `time.monotonic` and `time.perf_counter`; a log line has the time of `logging`.
The stand-ins are other services, with clocks of their own.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.config import ROOT

ITS_MODULE = ROOT / "portal" / "timekeeping" / "clocks.py"
OF_WAITRESS = {  # it notes by the host's time when a connection was last heard of
    ROOT / "portal" / "serving" / "front.py",
    ROOT / "portal" / "serving" / "channel.py",
}
FILES = sorted(
    path
    for path in [*(ROOT / "portal").rglob("*.py"), ROOT / "wsgi.py"]
    if "sandbox" not in path.parts and path not in {ITS_MODULE, *OF_WAITRESS}
)
_OF_DATES = {"now", "today", "utcnow"}
_OF_TIME = {"time", "time_ns", "localtime", "gmtime", "ctime", "clock_gettime"}
_OF_MAIL = {"formatdate", "localtime"}
_SQL = ("CURRENT_TIMESTAMP", "clock_timestamp")


def clocks_in(source: str) -> list[str]:
    """Say where a source reads the time by itself."""
    return [f"line {node.lineno}: {what}" for node, what in _clocks(ast.parse(source))]


def _clocks(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.alias, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if node.attr in _OF_DATES and owner in {"datetime", "date"}:
                yield node, f"{owner}.{node.attr}"
            if node.attr in _OF_TIME and owner == "time":
                yield node, f"time.{node.attr}"
            if owner == "func" and node.attr in {"now", "current_timestamp", "clock_timestamp"}:
                yield node, f"func.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            forbidden = {"time": _OF_TIME, "email.utils": _OF_MAIL}.get(node.module or "", set())
            yield from ((each, each.name) for each in node.names if each.name in forbidden)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node, word) for word in _SQL if word in node.value)


def test_the_clock_is_read_in_the_module_of_the_clock():
    assert clocks_in(ITS_MODULE.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_module_reads_the_time_by_itself(path: Path):
    assert clocks_in(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "at = dt.datetime.now(dt.UTC)",
        "at = datetime.now()",
        "on = dt.date.today()",
        "at = time.time()",
        "from time import time",
        "from email.utils import formatdate",
        "query = select(func.now())",
        "query = 'SELECT clock_timestamp()'",
    ],
)
def test_the_search_for_clocks_finds_a_clock(source):
    assert clocks_in(source)


@pytest.mark.parametrize("source", ["at = time.monotonic()", "at = now()", "from time import perf_counter"])
def test_the_search_for_clocks_leaves_durations_alone(source):
    assert not clocks_in(source)
