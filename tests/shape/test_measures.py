"""What `make shape` counts is what it says it counts."""

import ast
from textwrap import dedent

import pytest

from tests.shape import measures
from tests.shape.__main__ import verdict
from tests.shape.measures import Module


def function_of(text: str) -> measures.Function:
    return Module("example", dedent(text)).functions[0]


@pytest.mark.parametrize(
    ("body", "decisions", "nesting"),
    [
        ("return 1", 1, 0),
        ("if a and b:\n  return 1\nelif c:\n  return 2", 4, 1),
        ("for a in b:\n  with a:\n    if a: return a", 3, 3),
        ("return [a for a in b if a] or (1 if c else 2)", 5, 0),
        ("try:\n  a()\nexcept ValueError:\n  assert b", 2, 1),
    ],
)
def test_decisions_and_nesting_of_a_function_are_counted(body, decisions, nesting):
    function = function_of("def f():\n" + "\n".join(f"  {line}" for line in body.split("\n")))
    assert (measures.decisions_of(function), measures.nesting_of(function)) == (decisions, nesting)


def test_the_length_of_a_function_leaves_out_empty_lines_and_decorators():
    module = Module("example", "@cache\ndef f(self, a, *, b=1):\n  x = 1\n\n  return x\n")
    assert module.length_of(module.functions[0]) == 3
    assert [argument.arg for argument in measures.arguments_of(module.functions[0])] == ["a", "b"]


def test_a_comment_for_a_tool_is_not_counted_as_a_comment():
    assert Module("example", "a = 1  # why\nb = 2  # noqa: X\nc = '# text'  # type: ignore\n").comments == 1


def test_three_modules_that_import_each_other_are_an_import_cycle():
    modules = [
        Module("p.a", "from p import b"),
        Module("p.b", "def late():\n  import p.c"),
        Module("p.c", "from p.a import x"),
        Module("p.d", "from p.a import x, y\nimport flask"),
    ]
    imports = measures.imports_of(modules)
    assert imports["p.d"] == {"p.a"}
    assert measures.circles_in(imports) == 3
    assert measures.circles_in({"p.a": {"p.b"}, "p.b": set()}) == 0


def test_a_measure_with_one_worse_number_of_three_is_worse():
    assert verdict("lower", (6, 16, 49), (5, 15, 50)) == "worse"
    assert verdict("lower", (6, 16, 49), (6, 16, 40)) == "better"
    assert verdict("higher", (55,), (54,)) == "worse"
    assert verdict("–", (1,), (2,)) == ""


def test_a_view_is_known_by_its_decorator():
    assert measures.is_route(function_of("@bp.get('/x')\ndef f(): ..."))
    assert not measures.is_route(ast.parse("@cache\ndef f(): ...").body[0])
