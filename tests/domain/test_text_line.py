"""One line of text: its spaces are tidied, what cannot be printed is refused."""

import pytest

from portal.domain.errors import UnusableValueError
from portal.domain.text_line import required_line, tidy_line


def test_spaces_of_a_text_line_are_tidied():
    assert tidy_line("  Acme\N{NO-BREAK SPACE}  SE ", 20) == "Acme SE"


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\t", "\N{LINE SEPARATOR}"])
def test_a_text_line_that_ends_with_more_than_spaces_is_refused(sign):
    with pytest.raises(UnusableValueError, match="cannot be printed on one line"):
        tidy_line(f"Acme SE{sign}", 20)


def test_a_text_line_may_be_empty_unless_it_is_required():
    assert tidy_line(" ", 20) == ""
    with pytest.raises(UnusableValueError, match="is missing"):
        required_line(" ", 20)


def test_a_text_line_has_a_longest_length():
    assert tidy_line("x" * 20, 20) == "x" * 20
    with pytest.raises(UnusableValueError, match="has more than 20 characters"):
        tidy_line("x" * 21, 20)


@pytest.mark.parametrize("sign", ["\n", "\t", "\0", "\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}", "\udcff"])
def test_a_text_line_with_a_character_that_cannot_be_printed_is_refused(sign):
    with pytest.raises(UnusableValueError, match="cannot be printed on one line"):
        required_line(f"Acme{sign}SE", 20)
