"""One line of text as a person types it: a name, a street, a reference."""

import re

from portal.domain.errors import UnusableValueError


def tidy_line(text: str, length_max: int) -> str:
    """Return a line with its spaces tidied, empty if there is nothing in it, or raise UnusableValueError."""
    tidy = re.sub(" +", " ", text.replace("\N{NO-BREAK SPACE}", " ")).strip()
    if len(tidy) > length_max:
        raise UnusableValueError(f"has more than {length_max} characters")
    if not tidy.isprintable():
        raise UnusableValueError("has characters that cannot be printed on one line")
    return tidy


def required_line(text: str, length_max: int) -> str:
    """Return a tidy line that is not empty, or raise UnusableValueError."""
    tidy = tidy_line(text, length_max)
    if not tidy:
        raise UnusableValueError("is missing")
    return tidy
