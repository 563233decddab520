"""`make shape`: how the code is built, in numbers; with `AGAINST=DIR`, whether an older checkout was better.

Each row says which direction is better. Product is `portal/` without stand-ins and demo; the demo is shown
and not judged, nor is fan-in: a floor that more modules stand on is what a floor is for. The exit code is 1
if a cell is worse than it was.
"""

import argparse
import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.shape import measures
from tests.shape.measures import Function, Module, modules_of

_FUNCTION_LINES_MAX = 40
_LOWER, _HIGHER, _NEITHER = "lower", "higher", "–"
Numbers = Sequence[float]


@dataclass(frozen=True)
class Group:
    """A part of a tree of code: its name and its modules; `tree` has all parts by name."""

    name: str
    tree: Mapping[str, Sequence[Module]]

    @property
    def modules(self) -> Sequence[Module]:
        return self.tree[self.name]

    @property
    def functions(self) -> Sequence[Function]:
        return [function for module in self.modules for function in module.functions]

    @property
    def lines(self) -> int:
        return sum(len(module.lines) for module in self.modules)

    @property
    def lengths(self) -> Sequence[int]:
        return [module.length_of(function) for module in self.modules for function in module.functions]

    @property
    def route_lengths(self) -> Sequence[int]:
        return [module.length_of(route) for module in self.modules for route in module.routes]


def _spread(values: Iterable[int]) -> Numbers:
    """Return median, ninth of ten, and largest; nothing of nothing."""
    row = sorted(values)
    return (statistics.median(row), row[len(row) * 9 // 10], row[-1]) if row else ()


def _percent(answers: Iterable[bool]) -> Numbers:
    row = list(answers)
    return (round(100 * sum(row) / len(row)),)


def _says(node: ast.AST) -> bool:
    return ast.get_docstring(node) is not None  # type: ignore[arg-type]


def _lines_with(pattern: str) -> Callable[[Group], Numbers]:
    return lambda group: (sum(bool(re.search(pattern, line)) for m in group.modules for line in m.lines),)


def _fan_in(group: Group) -> Numbers:
    """Count how often the four most imported modules are, the demo included."""
    code = [module for name, modules in group.tree.items() if name != "tests" for module in modules]
    count = Counter(name for those in measures.imports_of(code).values() for name in those)
    return tuple(times for _, times in count.most_common(4))


Row = tuple[str, str, str, Callable[[Group], Numbers]]  # name, direction, groups, what is measured
_ALL, _CODE, _PRODUCT = "product stand-ins demo tests", "product stand-ins demo", "product"
_ROWS: Sequence[Row] = (
    ("source lines", _LOWER, _CODE, lambda g: (g.lines,)),
    ("lines of tests", _NEITHER, "tests", lambda g: (g.lines,)),
    ("files / functions", _NEITHER, _ALL, lambda g: (len(g.modules), len(g.functions))),
    ("tests ÷ source", _HIGHER, _PRODUCT, lambda g: (round(Group("tests", g.tree).lines / g.lines, 2),)),
    ("function lines", _LOWER, _ALL, lambda g: _spread(g.lengths)),
    ("route lines", _LOWER, "product stand-ins", lambda g: _spread(g.route_lengths)),
    (
        f"functions over {_FUNCTION_LINES_MAX} lines",
        _LOWER,
        _ALL,
        lambda g: (sum(length > _FUNCTION_LINES_MAX for length in g.lengths),),
    ),
    ("module lines", _LOWER, _ALL, lambda g: _spread(len(m.lines) for m in g.modules)),
    ("nesting", _LOWER, _ALL, lambda g: _spread(map(measures.nesting_of, g.functions))),
    ("arguments", _LOWER, _ALL, lambda g: _spread(len(measures.arguments_of(f)) for f in g.functions)),
    ("cyclomatic", _LOWER, _ALL, lambda g: _spread(map(measures.decisions_of, g.functions))),
    ("docstrings on functions, %", _HIGHER, _ALL, lambda g: _percent(map(_says, g.functions))),
    (
        "docstrings on public functions, %",
        _HIGHER,
        _ALL,
        lambda g: _percent(_says(f) for f in g.functions if not f.name.startswith("_")),
    ),
    ("docstrings on modules, %", _HIGHER, _ALL, lambda g: _percent(_says(m.tree) for m in g.modules)),
    (
        "comments per 100 lines",
        _NEITHER,
        _ALL,
        lambda g: (round(100 * sum(m.comments for m in g.modules) / g.lines, 1),),
    ),
    ("types of returns, %", _HIGHER, _ALL, lambda g: _percent(f.returns is not None for f in g.functions)),
    (
        "types of arguments, %",
        _HIGHER,
        _ALL,
        lambda g: _percent(a.annotation is not None for f in g.functions for a in measures.arguments_of(f)),
    ),
    ("escapes: type: ignore", _LOWER, _CODE, _lines_with(r"# type: ignore")),
    ("escapes: noqa", _LOWER, _CODE, _lines_with(r"# noqa")),
    ("escapes: lines with Any", _LOWER, _CODE, _lines_with(r"^(?!\s*(from|import) ).*\bAny\b")),
    ("escapes: cast", _LOWER, _CODE, _lines_with(r"\bcast\(")),
    (
        "import fan-out",
        _LOWER,
        _ALL,
        lambda g: _spread(len(those) for those in measures.imports_of(g.modules).values()),
    ),
    ("import fan-in, the four most", _NEITHER, _PRODUCT, _fan_in),
    ("modules in circles", _LOWER, _ALL, lambda g: (measures.circles_in(measures.imports_of(g.modules)),)),
)


def groups_of(root: Path) -> Sequence[Group]:
    """Read the four parts of a tree of code."""
    tree = {
        "product": modules_of(root, "portal", but=("sandbox", "demo")),
        "stand-ins": modules_of(root, "portal", "sandbox"),
        "demo": modules_of(root, "portal", "demo"),
        "tests": modules_of(root, "tests"),
    }
    return [Group(name, tree) for name in tree]


def verdict(direction: str, old: Numbers, new: Numbers) -> str:
    """Say how `new` compares; worse in one number of several is worse."""
    sign = {_LOWER: 1, _HIGHER: -1, _NEITHER: 0}[direction]
    changes = [sign * (after - before) for before, after in zip(old, new, strict=True)]
    return "worse" if max(changes, default=0) > 0 else "better" if any(changes) else ""


def _text(numbers: Numbers) -> str:
    return " / ".join(f"{number:,g}" for number in numbers)


def _table(new: Sequence[Group], old: Sequence[Group]) -> Sequence[Sequence[str]]:
    head = ["", "better is", *(group.name for group in new)]
    rows = [[row[0], row[1], *map(partial(_cell, row), new, old)] for row in _ROWS]
    return [head, ["---"] * len(head), *rows]


def _cell(row: Row, new: Group, old: Group) -> str:
    _, direction, parts, measure = row
    if new.name not in parts.split():
        return ""
    after, before = measure(new), measure(old)
    if after == before:
        return _text(after)
    judged = _NEITHER if new.name == "demo" else direction
    return f"{_text(after)} (was {_text(before)}) {verdict(judged, before, after)}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.shape")
    parser.add_argument("--against", type=Path, help="an older checkout")
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[2], help="default: this one")
    options = parser.parse_args()
    new = groups_of(options.tree)
    old = groups_of(options.against) if options.against else new
    table = _table(new, old)
    worse = sum(cell.endswith(" worse") for row in table for cell in row)
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in table))
    sys.stdout.write("\nThree numbers are median / nine of ten are not above / largest.\n")
    sys.stdout.write(f"{worse} cells are worse than they were.\n" if options.against else "")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
