"""A line of the log is one line, and has no secret, wherever in a text that stood (SECURITY.md, R22)."""

import json
import logging

import pytest

from portal.domain import tokens
from portal.web.log import JsonLines

SECRETS = (
    "sk_live_abcdefgh",
    "seti_1Ab_secret_9Zz",
    "4111111111111111",
    "DE89370400440532013000",
    "Bearer abcdefgh12345",
    tokens.mint(),
)


def line_of(message, **facts):
    record = logging.LogRecord("portal", logging.INFO, __file__, 1, message, (), None)
    vars(record).update(facts)
    return JsonLines().format(record)


@pytest.mark.parametrize("before", ["", "a\n", "a\t", "a\r\n", "\u2028", '"', "\\"])
def test_a_secret_in_a_log_line_is_hidden_whatever_stands_before_it(before):
    for secret in SECRETS:
        assert secret not in line_of(before + secret)
        assert secret not in line_of("told", reason={"deep": [before + secret]})


@pytest.mark.parametrize("odd", ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x1c"])
def test_a_line_break_in_a_message_begins_no_new_log_line(odd):
    line = line_of(f"a{odd}b", reason=f"c{odd}d")

    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == f"a{odd}b"
