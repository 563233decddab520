"""The glossary is true: what it names exists, and what it says is gone is gone."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from portal.config import ROOT

TEXT = (ROOT / "docs" / "GLOSSARY.md").read_text()
TERMS, RENAMED = TEXT.split("## Names before")
OLD_MODULES, OLD_NAMES = RENAMED.split("### Classes and functions")


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of a text's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in {"term", "old"}]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def exists(module: str) -> bool:
    path = ROOT / "portal" / module
    return path.is_dir() or path.with_suffix(".py").is_file()


@cache
def defined_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.ClassDef, ast.FunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def modules_of(cell: str) -> list[Path]:
    return [ROOT / "portal" / f"{module}.py" for module in quoted(cell)]


@pytest.mark.parametrize("row", rows(TERMS), ids=lambda row: row[0])
def test_a_term_has_one_line_and_modules_that_exist(row):
    assert row[1]
    assert [module for module in quoted(row[-1]) if len(row) == 3 and not exists(module)] == []


@pytest.mark.parametrize("row", rows(OLD_MODULES), ids=lambda row: row[0])
def test_a_renamed_module_is_gone_and_its_successor_exists(row):
    old, new = row
    assert [module for module in quoted(old) if "/" in module and exists(module)] == []
    assert [module for module in quoted(new) if module != "schema" and not exists(module)] == []


@pytest.mark.parametrize("row", rows(OLD_NAMES), ids=lambda row: row[0])
def test_a_renamed_definition_is_gone_and_its_successor_exists(row):
    old, new, where = row
    modules = modules_of(where)
    defined = frozenset[str]().union(*map(defined_in, modules))
    assert set(quoted(old)) & defined == set()
    assert set(quoted(new)) - defined == set()


def test_the_glossary_has_terms_and_old_names():
    assert min(len(rows(text)) for text in (TERMS, OLD_MODULES, OLD_NAMES)) > 15
