"""What keeps the inner loop at seconds: who works on arithmetic never waits for the portal."""

import ast
import inspect
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from portal import cli
from portal.config import ROOT

RUN = """
import sys, pytest
assert pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]]) == 0
print(*sorted(set(sys.argv[2:]) & set(sys.modules)), file=sys.stderr)
"""
LIBRARIES = ("flask", "sqlalchemy", "argon2", "stripe", "jsonschema", "playwright", "tests.fixtures")


@pytest.mark.parametrize(
    ("tests", "slow_to_import"),
    [
        ("tests/domain/test_access.py", LIBRARIES),
        ("tests/gateways/test_breaker.py", LIBRARIES),
        (
            "tests/ledger/test_completeness.py::test_an_entry_of_zero_counts_as_metered[sqlite]",
            ("portal.app", "portal.sandbox"),
        ),
    ],
)
def test_arithmetic_imports_nothing_slow(tests, slow_to_import):
    command = [sys.executable, "-c", RUN, tests, *slow_to_import]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "", done.stdout


def test_every_property_test_names_its_number_of_examples():
    silent = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and "given" in _decorators(node)
        and not _decorators(node) & _numbers(file.read_text())
    ]
    assert silent == []


def _decorators(function: ast.FunctionDef) -> set[str]:
    calls = (each.func if isinstance(each, ast.Call) else each for each in function.decorator_list)
    return {each.id for each in calls if isinstance(each, ast.Name)}


def _numbers(source: str) -> set[str]:
    """Return the names of a file that hold settings made by `tests.properties.examples`."""
    made = {
        target.id
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("examples(")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return made | {"examples"}


# -- the list of commands -----------------------------------------------------------------------------
EVERY_REQUEST = "flask, flask_login, flask_sqlalchemy, flask_wtf.csrf, sqlalchemy.orm, babel, htmx_flask"
RATIO_MAX = 1.2


def test_commands_are_listed_in_about_the_time_of_the_imports_of_every_request(tmp_path):
    imports = [sys.executable, "-c", f"import {EVERY_REQUEST}, jinja2_fragments"]
    listing = [sys.executable, "-m", "flask", "--app", "wsgi", "--help"]
    pairs = [(_cpu_seconds(listing, tmp_path), _cpu_seconds(imports, tmp_path)) for _ in range(3)]
    listed, imported = (min(seconds) for seconds in zip(*pairs, strict=True))
    assert listed <= RATIO_MAX * imported


def _cpu_seconds(command: list[str], var: Path) -> float:
    """Return what a child took of the processor: a busy machine makes it wait, and hardly work more."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PORTAL_VAR": str(var)}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("group", cli.GROUPS, ids=lambda group: group.name)
def test_the_list_of_commands_has_the_help_text_of_each_group(group):
    assert group.help == inspect.cleandoc(group.load().help)
