"""What no template may hold: style, script or handlers in the page, and text that is not escaped."""

import re

import pytest

from portal.config import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LINE_LENGTH_MAX = 120
FORBIDDEN = {
    "an inline style": re.compile(r"""\sstyle\s*=""", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)", re.IGNORECASE),
    "an event handler": re.compile(r"""<[^>{%]*\son[a-z]+\s*=""", re.IGNORECASE),
    "an htmx handler": re.compile(r"""\shx-on\b""", re.IGNORECASE),
    "a javascript address": re.compile(r"""["']\s*javascript:""", re.IGNORECASE),
    "htmx that evaluates": re.compile(r"""\bjs:""", re.IGNORECASE),
    "text that is not escaped": re.compile(r"""\|\s*safe\b|\bautoescape\s+false\b|\bMarkup\s*\("""),
}


def each_template():
    return pytest.mark.parametrize(
        "path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix()
    )


def test_the_base_template_is_among_the_templates_that_are_checked():
    assert ROOT / "templates" / "base.html" in TEMPLATES


@each_template()
@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_template_holds_no_inline_code_and_no_unescaped_text(path, what):
    assert FORBIDDEN[what].findall(path.read_text()) == []


@each_template()
def test_a_post_form_carries_a_csrf_token(path):
    for form in re.findall(r"<form\b[^>]*>.*?</form>", path.read_text(), re.DOTALL | re.IGNORECASE):
        if re.search(r"""method\s*=\s*["']?post""", form, re.IGNORECASE):
            assert "csrf_token" in form, form


@each_template()
def test_a_template_has_no_doubled_id_in_its_source(path):
    ids = re.findall(r"""\sid=["']([^"'{}]+)["']""", path.read_text())
    assert len(ids) == len(set(ids)), ids


def test_no_line_of_a_template_is_too_long_to_read():
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*TEMPLATES, *(ROOT / "static").glob("*.css")]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE_LENGTH_MAX
    ]
    assert long == []


def test_no_template_draws_but_the_icons_and_the_chart():
    """Outside of the icons, only the chart draws: its lines are computed."""
    drawing = {
        path.relative_to(ROOT / "templates").as_posix() for path in TEMPLATES if " d=" in path.read_text()
    }
    assert drawing == {"components/_icon.html", "usage/_chart.html"}


def test_a_class_of_the_style_sheet_has_a_name_of_more_than_two_letters():
    """Letters alone, such as `.n` or `.sq`, send every reader to the style sheet and back."""
    sheet = re.sub(
        r"/\*.*?\*/|\{[^{}]*\}", " ", (ROOT / "static" / "portal.css").read_text(), flags=re.DOTALL
    )
    names = set(re.findall(r"\.([a-z][\w-]*)", sheet))
    assert {"visually-hidden", "number"} <= names
    assert {name for name in names if len(name) < len("bar")} == set()


def test_a_colour_that_a_sheet_or_a_script_asks_for_is_a_token():
    static = ROOT / "static"
    sheet = (static / "portal.css").read_text()
    tokens = set(re.findall(r"--([\w-]+):", sheet))
    asked = re.findall(r"var\(--([\w-]+)", sheet)
    asked += re.findall(r"colour\(\"([\w-]+)\"\)", (static / "payment.js").read_text())
    assert {"text", "surface"} <= tokens & set(asked)
    assert set(asked) <= tokens


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("an inline style", '<p style="color:red">'),
        ("a style element", "<style>p{}</style>"),
        ("an inline script", "<script>alert(1)</script>"),
        ("an event handler", '<p onclick="f()">'),
        ("an htmx handler", '<p hx-on:click="f()">'),
        ("a javascript address", '<a href="javascript:f()">'),
        ("htmx that evaluates", "<p hx-vals='js:{a: 1}'>"),
        ("text that is not escaped", "{{ name | safe }}"),
    ],
)
def test_the_search_for_forbidden_text_in_templates_finds_an_example_of_each(what, text):
    assert FORBIDDEN[what].search(text)
