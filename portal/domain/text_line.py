"""One line of text: as a person types it, a name, a street, a reference; or as the key of something.

Nothing in it breaks the line, controls a terminal or turns the direction of what stands beside it.
"""

import re

from portal.domain.errors import UnusableValueError

NAME_LENGTH_MAX = 200  # of products and projects
UNIT_LENGTH_MAX = 40
KEY_LENGTH_MAX = 500  # every database can index this much


def tidy_line(text: str, length_max: int) -> str:
    """Return a line with its spaces tidied, empty if there is nothing in it, or raise UnusableValueError."""
    tidy = re.sub(" +", " ", text.replace("\N{NO-BREAK SPACE}", " ")).strip(" ")
    _refuse(tidy, length_max)
    return tidy


def required_line(text: str, length_max: int) -> str:
    """Return a tidy line that is not empty, or raise UnusableValueError."""
    tidy = tidy_line(text, length_max)
    if not tidy:
        raise UnusableValueError("is missing")
    return tidy


def checked_key(text: str, length_max: int = KEY_LENGTH_MAX) -> str:
    """Return a key exactly as it is, or raise UnusableValueError."""
    if not text.strip():
        raise UnusableValueError("is missing")
    _refuse(text, length_max)
    return text


def _refuse(text: str, length_max: int) -> None:
    if len(text) > length_max:
        raise UnusableValueError(f"has more than {length_max} characters")
    if not text.isprintable():
        raise UnusableValueError("has characters that cannot be printed on one line")
