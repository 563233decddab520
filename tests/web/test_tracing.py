"""Ids that a request brings: a UUID is taken over, a trace is logged, and anything else is left out."""

import json
import logging
from uuid import UUID

import pytest

from portal.web.log import JsonLines
from portal.web.tracing import other_id_of, request_id_of, trace_id_of
from tests.page import JSON

ID = "550e8400-e29b-41d4-a716-446655440000"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("text", [ID, ID.upper(), ID.replace("-", "")])
def test_a_uuid_that_a_request_brings_is_its_id(text):
    assert request_id_of(text) == ID


@pytest.mark.parametrize(
    "text",
    [None, "", "7", ID[1:], f"{{{ID}}}", f"urn:uuid:{ID}", f"{ID}\n", f" {ID}", "٠" * 32, "g" * 32, "-" * 36],
)
def test_anything_else_that_a_request_brings_gets_a_new_id(text):
    new = {request_id_of(text) for _ in range(2)}
    assert len({UUID(each) for each in new} | {UUID(ID)}) == 3


@pytest.mark.parametrize(
    ("text", "other"),
    [("Root-1.a_b", "Root-1.a_b"), (ID, None), ("a b", None), ("x" * 65, None), (None, None)],
)
def test_an_id_of_another_kind_is_noted_where_it_is_one_short_word(text, other):
    assert other_id_of(text) == other


@pytest.mark.parametrize(
    "text",
    [
        f"00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-00",
        f"cc-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01-what-the-future-brings",
    ],
)
def test_the_trace_of_a_traceparent_is_taken_over(text):
    assert trace_id_of(text) == TRACE


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}0-{PARENT}-01",
    ],
)
def test_a_traceparent_that_breaks_the_grammar_names_no_trace(text):
    assert trace_id_of(text) is None


@pytest.fixture
def logged(app, caplog):
    """Return the lines of the requests, as they are written."""
    lines: list[dict] = []

    class Lines(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(JsonLines().format(record)))

    log, handler = logging.getLogger("portal.access"), Lines()
    caplog.set_level(logging.INFO, log.name)
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


def test_answer_error_and_log_line_have_the_id_that_the_request_brought(nobody, logged):
    headers = {"X-Request-Id": ID.replace("-", ""), "traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = nobody.get("/nothing", headers=headers | JSON)
    assert answer.headers["X-Request-Id"] == answer.json["request_id"] == logged[-1]["request_id"] == ID
    assert logged[-1]["trace_id"] == TRACE
    assert logged[-1]["request_id_of_client"] is None


def test_an_id_of_another_kind_is_logged_beside_ours(nobody, logged):
    answer = nobody.get("/healthz", headers={"X-Request-Id": "Root-7"})
    assert UUID(answer.headers["X-Request-Id"])
    assert logged[-1]["request_id_of_client"] == "Root-7"
    assert logged[-1]["trace_id"] is None
