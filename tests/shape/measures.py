"""Measures files of Python by their syntax trees: lengths, nesting, decisions, words, types, imports.

A line counts unless it is empty; a function is measured without its decorators and with what it contains.
Decisions are McCabe's: 1, and one for each branch, loop, `except`, comprehension and its conditions, `and`
and `or`; `assert`, `with` and `lambda` decide nothing.
"""

import ast
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.match_case)
_VERBS = {"get", "post", "put", "delete", "patch", "route"}
_FOR_TOOLS = re.compile(r"#\s*(noqa|type:)")


@dataclass(frozen=True)
class Module:
    """One file, and its name as imports say it."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> Sequence[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @property
    def routes(self) -> Sequence[Function]:
        return [function for function in self.functions if is_route(function)]

    @cached_property
    def lines(self) -> Sequence[str]:
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def comments(self) -> int:
        """Count the comments that speak to people, not to a tool."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(each.type == tokenize.COMMENT and not _FOR_TOOLS.match(each.string) for each in tokens)

    def length_of(self, function: Function) -> int:
        lines = self.text.splitlines()[function.lineno - 1 : function.end_lineno]
        return sum(1 for line in lines if line.strip())


def modules_of(root: Path, *parts: str, but: Sequence[str] = ()) -> Sequence[Module]:
    """Read the files below `root/parts`, without the folders `but`."""
    paths = sorted(root.joinpath(*parts).rglob("*.py"))
    kept = [path.relative_to(root) for path in paths if not {*but} & {*path.relative_to(root).parts}]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in kept]
    return [Module(name, (root / path).read_text()) for name, path in zip(names, kept, strict=True)]


def is_route(function: Function) -> bool:
    """Tell whether a function is decorated as a view."""
    calls = [each.func for each in function.decorator_list if isinstance(each, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in _VERBS for call in calls)


def arguments_of(function: Function) -> Sequence[ast.arg]:
    """Return the arguments that a caller gives, so without `self`."""
    named = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return [each for each in named if each.arg not in {"self", "cls"}]


def nesting_of(node: ast.AST) -> int:
    """Return how deep blocks lie in blocks; `elif` is as deep as its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            deepest = max(deepest, nesting_of(child) + (isinstance(child, _NESTS) and not is_elif))
    return deepest


def decisions_of(function: Function) -> int:
    """Return the cyclomatic complexity."""
    nodes = list(ast.walk(function))
    words = sum(len(node.values) - 1 for node in nodes if isinstance(node, ast.BoolOp))
    loops = sum(1 + len(node.ifs) for node in nodes if isinstance(node, ast.comprehension))
    return 1 + words + loops + sum(isinstance(node, _BRANCHES) for node in nodes)


def imports_of(modules: Sequence[Module]) -> Mapping[str, set[str]]:
    """Return which of the modules each imports, at its start or later."""
    names = {module.name for module in modules}
    imports: dict[str, set[str]] = {name: set() for name in names}
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                imports[module.name] |= {alias.name for alias in node.names} & names
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                imports[module.name] |= (below & names) or ({node.module} & names)
    return {name: those - {name} for name, those in imports.items()}


def circles_in(imports: Mapping[str, set[str]]) -> int:
    """Count the modules that import themselves by way of others."""
    reached = {name: set(those) for name, those in imports.items()}
    for via, name in product(imports, imports):
        if via in reached[name]:
            reached[name] |= reached[via]
    return sum(name in those for name, those in reached.items())
