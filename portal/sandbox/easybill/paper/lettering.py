"""Clients' text as the standard fonts can print it: Western European letters, and line breaks."""

import re
import unicodedata
from xml.sax.saxutils import escape

_WITHOUT_PARTS = str.maketrans("ŁłĐđĦħŦŧıĿŀŊŋ", "LlDdHhTtiLlNn")


def printable(text: str) -> str:
    """The text with letters Helvetica lacks written without their marks, and others as a question mark."""
    return "".join(_printable_letter(letter) for letter in text)


def _printable_letter(letter: str) -> str:
    if _is_printable(letter):
        return letter
    bare = unicodedata.normalize("NFKD", letter.translate(_WITHOUT_PARTS))
    return "".join(part for part in bare if _is_printable(part)) or "?"


def _is_printable(letter: str) -> bool:
    return bool(letter.encode("cp1252", "ignore"))


def markup(text: str) -> str:
    """The text as a reportlab paragraph: its line breaks kept, all other markup shown as it is."""
    lines = re.split(r"<br\s*/?>|\r?\n", printable(text).strip())
    return "<br/>".join(escape(line) for line in lines)
