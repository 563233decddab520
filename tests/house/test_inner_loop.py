"""What keeps the inner loop at seconds: who works on arithmetic never waits for the portal."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

from portal.config import ROOT

SLOW_TO_IMPORT = ("flask", "sqlalchemy", "argon2", "stripe", "jsonschema", "playwright", "tests.fixtures")
RUN = f"""
import sys, pytest
assert pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]) == 0
print(sorted(set({SLOW_TO_IMPORT!r}) & set(sys.modules)), file=sys.stderr)
"""


def test_a_file_of_arithmetic_imports_neither_the_portal_nor_its_libraries():
    command = [sys.executable, "-c", RUN, "tests/domain/test_access.py", "tests/gateways/test_breaker.py"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]", done.stdout


def test_every_property_says_with_how_many_examples_it_is_tried():
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
