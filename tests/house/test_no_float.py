"""No float where money, time or usage is counted: not made, not written, not divided into."""

import ast
from pathlib import Path

import pytest

from portal.config import ROOT

FILES = sorted(
    path for folder in ("domain", "ledger", "models") for path in (ROOT / "portal" / folder).rglob("*.py")
)


def floats_in(source: str) -> list[str]:
    """Say where a source makes, names or divides into a float."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: the literal {node.value}")
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: /")
        if isinstance(node, ast.Attribute) and node.attr in {
            "Float",
            "truediv",
            "total_seconds",
            "timestamp",
        }:
            found.append(f"line {node.lineno}: {node.attr}")
        if isinstance(node, ast.Name) and node.id in {"Float", "Double", "truediv"}:
            found.append(f"line {node.lineno}: {node.id}")
        if isinstance(node, ast.alias) and node.name in {"Float", "Double", "Numeric", "truediv"}:
            found.append(f"line {node.lineno}: {node.name}")
    return found


def test_the_modules_that_may_hold_no_float_include_those_of_money():
    assert {"money.py", "rating.py", "invoice_lines.py", "invoice.py"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_money_time_and_usage_are_counted_without_a_float(path: Path):
    assert floats_in(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = float('1')",
        "x = 0.5",
        "x = a / b",
        "x /= 2",
        "x = 1e3",
        "map(float, y)",
        "def f(x: float): ...",
        "x = span.total_seconds()",
        "column = Float()",
        "from sqlalchemy import Integer, Numeric",
    ],
)
def test_the_search_for_floats_finds_a_float(source):
    assert floats_in(source)


@pytest.mark.parametrize("source", ["x = a // b", "x = '1 / 2'", "x = 10**9", "x = Decimal('0.5')"])
def test_the_search_for_floats_leaves_whole_numbers_alone(source):
    assert not floats_in(source)
