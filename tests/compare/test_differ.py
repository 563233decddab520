"""The comparing walk sees what a customer or a program would, and nothing else."""

import json
import re
import tomllib
from typing import Any

from tests.compare.__main__ import excuse
from tests.compare.differ import Veil, description_lines, differences, page_lines
from tests.compare.stage import HERE

ONE, OTHER = "3f2b8a7c-11aa-4b3c-9d4e-5f6a7b8c9d0e", "a0b1c2d3-22bb-4c3d-8e4f-6a7b8c9d0e1f"


def answer(text: str, kind: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"status": 200, "headers": [], "kind": kind, "text": text} | more


def compared(old: dict[str, Any], new: dict[str, Any], path: str = "/") -> list[str]:
    return differences(*(Veil({OTHER}).lines(each, 7, path) for each in (old, new)))


def test_an_equal_answer_is_no_difference():
    assert compared(answer('{"a": 1}'), answer('{"a": 1}')) == []


def test_another_value_in_json_is_a_difference():
    assert compared(answer('{"a": 1, "b": 2}'), answer('{"a": 1, "b": 3}')) == ['-"b": 2', '+"b": 3']


def test_the_same_json_in_other_bytes_is_a_difference():
    assert compared(answer('{"a": 1}'), answer('{"a":1}')) == ['-body: {"a": 1}', '+body: {"a":1}']


def test_another_status_and_another_header_are_differences():
    new = answer("{}", status=404, headers=[("Link", "</x>")])
    assert compared(answer("{}"), new) == ["-status: 200", "+status: 404", "+Link: </x>"]


def test_the_time_and_the_id_of_a_request_are_no_difference():
    old, new = (
        answer(f'{{"request_id": "{uid}"}}', headers=[("X-Request-Id", uid), ("Date", uid)])
        for uid in (ONE, OTHER)
    )
    assert compared(old, new) == []


def test_an_id_made_during_the_walk_has_one_name_on_both_sides():
    veil, other = Veil(()), Veil(())
    assert veil.lines(answer(ONE), 3, "/") == other.lines(answer(OTHER), 3, "/")
    assert veil.lines(answer(ONE), 4, "/") == other.lines(answer(OTHER), 4, "/")
    assert veil.lines(answer(ONE), 5, "/") != other.lines(answer(ONE), 5, "/")


def test_an_id_of_the_database_is_not_taken_for_an_id_made_during_the_walk():
    assert compared(answer(ONE), answer(OTHER)) == ["-body: <name 1 of step 7>", f"+body: {OTHER}"]


def test_a_class_an_icon_and_white_space_of_a_page_are_no_difference():
    old = '<p class="sq"><svg aria-hidden="true"><path d="M1"/></svg> Pay\n  now</p>'
    assert page_lines(old) == page_lines('<p><svg><use href="#x"/></svg>Pay now</p>') == ["Pay now"]


def test_the_layout_of_a_template_is_no_difference():
    old = """<b>RE-1</b><small>May</small><meta content='{"a":1}'>"""
    assert page_lines(old) == page_lines("""<b>RE-1</b>\n  <small>May</small>\n<meta content='{ "a": 1 }'>""")


def test_a_link_a_field_and_a_bar_of_the_chart_are_differences():
    for old, new in (
        ('<a href="/x">x</a>', '<a href="/y">x</a>'),
        ('<input name="a">', '<input name="b">'),
        ('<div id="a" hx-get="/x"></div>', '<div id="a" hx-get="/y"></div>'),
        ('<svg aria-label="Cost"><path d="M1"/></svg>', '<svg aria-label="Cost"><path d="M2"/></svg>'),
        ("<p>12.00 EUR</p>", "<p>12,00 EUR</p>"),
    ):
        assert page_lines(old) != page_lines(new)


def test_openapi_documents_are_compared_by_keys_and_types_and_not_by_words():
    def document(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
        media = {"application/json": {"schema": schema}}
        operation = {"summary": "Words", "responses": {"200": {"description": "Words", "content": media}}}
        return {
            "paths": {"/x": {"get": operation | more}},
            "components": {"schemas": {"N": {"type": "null"}}},
        }

    old = document({"type": "object", "properties": {"a": {"type": ["string", "null"], "title": "A"}}})
    either = {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/N"}]}
    new = document({"type": "object", "properties": {"a": either}}, summary="Other words")
    assert description_lines(old) == description_lines(new)
    assert "GET /x 200 application/json.a: null" in description_lines(json.loads(json.dumps(old)))
    assert description_lines(old) != description_lines(document({"type": "object", "required": ["a"]}))


def test_only_a_step_of_the_walk_whose_every_difference_has_a_reason_is_excused():
    rules = [{"step": r"GET /$", "line": "Amex|American", "reason": "one name for a method"}]
    assert excuse(rules, "admin | GET /", ["-Amex •••• 1", "+American Express •••• 1"]) == rules[0]["reason"]
    assert excuse(rules, "admin | GET /", ["-Amex •••• 1", "+Visa •••• 1"]) is None
    assert excuse(rules, "admin | GET /x", ["-Amex •••• 1"]) is None


def test_no_expected_difference_excuses_a_failure():
    rules = tomllib.loads((HERE / "expected.toml").read_text())["expected"]
    for rule in rules:
        for line in ("+status: 500", "+status: 1", "+Traceback", "-{}"):
            assert not re.search(rule["line"], line), rule
        assert rule["reason"].endswith("."), rule
