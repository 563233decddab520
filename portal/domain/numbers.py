"""Numbers from outside, read within bounds, and numbers as people write them. Nothing is rounded here.

A text of sixty characters can be a number of a gigabyte: what is computed with was read here.
"""

import re
from decimal import Decimal

DIGITS_MAX = 40  # on either side of the point
EXPONENT_MAX = 40
_DECIMAL = re.compile(
    r"[+-]?(?=\.?[0-9])(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?:[eE][+-]?[0-9]{1,4})?"
)
_WHOLE = re.compile(r"-?[0-9]+")  # \d would take the digits of every script
_PORT_MAX = 65_535
_GERMAN = str.maketrans(",.", ".,")


def decimal_of(text: str, *, digits: int = DIGITS_MAX, exponent: int = EXPONENT_MAX) -> Decimal:
    """Read a decimal number exactly, or raise ValueError.

    It has at most so many digits before its point and behind it, and its first digit that counts is at most
    so many places from the point.
    """
    read = _DECIMAL.fullmatch(text)
    if read is None or max(len(read["whole"]), len(read["fraction"] or "")) > digits:
        raise ValueError("no decimal number, or one of too many digits")
    number = Decimal(text)
    if abs(number.adjusted()) > exponent:
        raise ValueError("a decimal number with too large an exponent")
    return number


def whole_of(text: str, *, digits: int = DIGITS_MAX, least: int | None = 0) -> int:
    """Read a whole number of at most so many digits that is not below `least`, or raise ValueError."""
    if len(text) > digits + 1 or _WHOLE.fullmatch(text) is None or len(text.lstrip("-")) > digits:
        raise ValueError("no whole number, or one of too many digits")
    number = int(text)
    if least is not None and number < least:
        raise ValueError("too small a number")
    return number


def port_of(text: str, *, least: int = 0) -> int:
    """Read the number of a port, or raise ValueError; 0 lets the system choose one."""
    port = whole_of(text, digits=5, least=least)
    if port > _PORT_MAX:
        raise ValueError("too large a number for a port")
    return port


def grouped(number: Decimal, language: str = "en", *, decimals_min: int = 0) -> str:
    """Write a number with all the decimals it has, and at least so many: 1,234.5, in German 1.234,5."""
    shown = f"{number:,f}"
    if len(shown.partition(".")[2]) < decimals_min:
        shown = f"{number:,.{decimals_min}f}"  # its own decimals are fewer, so this only adds zeros
    return shown.translate(_GERMAN) if language == "de" else shown
