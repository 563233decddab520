"""Templates are indented for those who read them; pages go out without: a table of hours has many lines."""

from __future__ import annotations

import re

from jinja2.ext import Extension

_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


class WithoutIndentation(Extension):
    """Reads a template without the blanks at the beginning of its lines."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source as it is compiled; lines keep their numbers."""
        del name, filename
        return _INDENTATION.sub("", source)
