"""Names are nouns of the field: no vague word outlives three lines, and no word is this house's alone.

`docs/GLOSSARY.md` has the field's word for each of the second kind. The name of a test is a sentence
about the product that names its subject too: a failing line of a report has no file beside it.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from portal.config import ROOT

VAGUE = frozenset({"found", "known", "asked", "said", "told", "wanted", "place", "one", "each", "some"})
LINES_MAX = 3

# Parts of a name: `settle_setup`, `VatCaseUnsettled` and `settled_at` all have the first.
PRIVATE_PARTS = re.compile(
    r"(?:^|_)(?:(?:un)?settl\w*|mirror\w*|doubts?|beside|wish(?:es)?|hasten\w*|errands?|clockwork|wallet"
    r"|postpone\w*|kept_vat|vat_kept|in_step|lines_beside|tell_changes|levers?|parking)(?:_|$)"
)
PRIVATE_NAMES = frozenset(
    {"Meter", "Stretch", "Passage", "Point", "Draft", "Ours", "Begun", "Letter", "Door", "QUIET"}
)
PRIVATE_NAMES_OF_MODULES = frozenset({"coverage", "draft", "passages", "owners", "edge"})

# The subject of a sentence that only its file tells.
PRONOUNS = frozenset({"it", "they", "who", "what", "one", "this", "that", "there"})
TEST_NAME_LENGTH_MAX = 90

MODULES = sorted((ROOT / "portal").rglob("*.py"))
TEST_MODULES = sorted((ROOT / "tests").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
# What a template binds: the variables of a loop, and those of a `set`.
BOUND_IN_TEMPLATE = re.compile(r"{%-?\s*(?:for\s+([\w, ]+?)\s+in\b|set\s+([\w, ]+?)\s*(?:=|%}))")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, *COMPREHENSIONS, ast.Module)


class Life(NamedTuple):
    """From where to where a scope reads a name that it binds."""

    name: str
    first_line: int
    last_line: int


def names_of(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names that a node itself defines, takes, binds or reads, with their lines."""
    if isinstance(node, DEFINITIONS):
        yield node.name, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.Name):
        yield node.id, node.lineno
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr, node.lineno
    elif isinstance(node, ast.alias | ast.ExceptHandler | ast.MatchAs):
        name = node.asname if isinstance(node, ast.alias) else node.name
        if name:
            yield name, node.lineno


def is_binding(node: ast.AST) -> bool:
    return not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store)


def lives_in(tree: ast.AST) -> list[Life]:
    """Return the life of each name in the innermost scope that binds it, a comprehension's too."""
    lives: list[Life] = []

    def lines_by_name(node: ast.AST) -> dict[str, list[int]]:
        lines = defaultdict(list)
        for name, line in names_of(node):
            lines[name].append(line)
        for child in ast.iter_child_nodes(node):
            for name, more in lines_by_name(child).items():
                lines[name] += more
        if isinstance(node, SCOPES):
            bound = {name for inner in ast.walk(node) if is_binding(inner) for name, _ in names_of(inner)}
            ended = {name: lines.pop(name) for name in bound if name in lines}
            lives.extend(Life(name, min(within), max(within)) for name, within in ended.items())
        return lines

    lines_by_name(tree)
    return lives


def names_for_others_in(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield what lives longer than a function: definitions, constants, fields and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            yield node.name, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign | ast.Assign):
                    yield from _targets_of(statement)


def _targets_of(statement: ast.AnnAssign | ast.Assign) -> Iterator[tuple[str, int]]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        yield from (
            (name.id, name.lineno)
            for name in ast.walk(target)
            if isinstance(name, ast.Name) and is_binding(name)
        )


def is_vague(name: str) -> bool:
    return name.strip("_").lower() in VAGUE


def vague_names_in(source: str) -> list[str]:
    """Say which vague names outlive three lines: a scope's own, and every one that others read."""
    tree = ast.parse(source)
    long = {
        (life.name, life.first_line)
        for life in lives_in(tree)
        if life.last_line - life.first_line >= LINES_MAX
    }
    return [
        f"line {line}: {name}"
        for name, line in sorted(long | set(names_for_others_in(tree)), key=lambda pair: pair[1])
        if is_vague(name)
    ]


def vague_names_in_template(source: str) -> list[str]:
    """Say which vague names a template binds."""
    bound = (
        name for names in BOUND_IN_TEMPLATE.findall(source) for name in re.findall(r"\w+", " ".join(names))
    )
    return [name for name in bound if is_vague(name)]


def private_names_in(source: str) -> list[str]:
    """Say which names have a word that no engineer of this field would look for."""
    names = (pair for node in ast.walk(ast.parse(source)) for pair in names_of(node))
    return [
        f"line {line}: {name}"
        for name, line in names
        if name.strip("_") in PRIVATE_NAMES or PRIVATE_PARTS.search(_snake(name))
    ]


def unclear_test_names_in(source: str) -> list[str]:
    """Say which names of tests have a pronoun for a subject, are digits alone, or are too long."""
    return [
        f"line {node.lineno}: {node.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and _is_unclear(node.name)
    ]


def _is_unclear(test_name: str) -> bool:
    words = test_name.split("_")[1:]
    is_digits_alone = all(word.isdigit() for word in words)
    return words[0] in PRONOUNS or is_digits_alone or len(test_name) > TEST_NAME_LENGTH_MAX


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def each_module():
    return pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())


def test_modules_whose_names_are_checked_exist():
    assert len(MODULES) > 200


@each_module()
def test_no_vague_name_outlives_three_lines(path: Path):
    assert vague_names_in(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_template_binds_a_vague_name(path: Path):
    assert vague_names_in_template(path.read_text()) == []


def test_the_search_for_vague_names_in_templates_finds_a_vague_name():
    source = "{% for each in rows %}{% endfor %}{% set href, known = 1, 2 %}{% set row = 3 %}"
    assert vague_names_in_template(source) == ["each", "known"]


@each_module()
def test_no_name_has_a_word_that_only_this_house_knows(path: Path):
    assert private_names_in(path.read_text()) == []
    assert path.stem not in PRIVATE_NAMES_OF_MODULES
    assert not PRIVATE_PARTS.search(path.stem)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    found = 1\n    a = 1\n    b = 2\n    return found",
        "def f(known):\n    a = 1\n    b = 1\n    c = 2\n    return known",
        "rows = [\n    f(\n        each,\n        1,\n    )\n    for each in others\n]",
        "for some in rows:\n    f()\n    g()\n    print(some)",
        "class Page:\n    said: str",
        "class Page:\n    def __init__(self):\n        self.asked = 1",
        "def each(): ...",
        "def _known(): ...",
        "class Wanted: ...",
        "told = 1",
        "one, two = 1, 2",
    ],
)
def test_the_search_for_vague_names_finds_a_long_lived_name(source):
    assert vague_names_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    found = 1\n    return found",
        "def f():\n    return [each for each in rows]",
        "def f():\n    a = [each for each in rows]\n    b = 1\n    c = 2\n    return [each for each in a]",
        "def f():\n    a = g(lambda each: each.id)\n    b = 1\n    c = 2\n    return h(lambda each: each.id)",
    ],
)
def test_the_search_for_vague_names_leaves_short_lives_alone(source):
    assert not vague_names_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "def settle_setup(): ...",
        "class VatCaseUnsettledError: ...",
        "row.settled_at = now",
        "class Meter: ...",
        "class _Letter: ...",
        "LEVERS = 1",
        "def mirror(): ...",
        "from portal.delivery import sync as mirror",
    ],
)
def test_the_search_for_private_words_finds_a_private_word(source):
    assert private_names_in(source)


@pytest.mark.parametrize("source", ["metering = 1", "outstanding = 2", "DraftDocument = 3", "is_pointed = 4"])
def test_the_search_for_private_words_leaves_the_fields_words_alone(source):
    assert not private_names_in(source)


def test_no_test_name_needs_its_file_to_be_understood():
    unclear = {
        path.relative_to(ROOT).as_posix(): unclear_test_names_in(path.read_text()) for path in TEST_MODULES
    }
    assert {path: names for path, names in unclear.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "def test_it_comes_in_slices(): ...",
        "async def test_they_are_kept(): ...",
        "class TestLists:\n    def test_what_is_missing_is_named(self): ...",
        "def test_there_are_sixty(): ...",
        "def test_one(): ...",
        "def test_406(): ...",
        f"def test_{'a' * 86}(): ...",
    ],
)
def test_the_search_for_unclear_test_names_finds_an_unclear_name(source):
    assert unclear_test_names_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "def test_a_page_that_has_no_json_face_answers_406(): ...",
        "def test_items_of_an_invoice_are_sorted(): ...",
        "def it_helps(): ...",
        f"def test_{'a' * 85}(): ...",
    ],
)
def test_the_search_for_unclear_test_names_leaves_a_sentence_alone(source):
    assert not unclear_test_names_in(source)
