"""What browser somebody uses: a template filter."""

import re
from collections.abc import Sequence

# The first that matches: each browser also claims to be the ones before it.
_BROWSERS = (
    ("Edge", "Edg/"),
    ("Opera", "OPR/"),
    ("Firefox", "Firefox/"),
    ("Chromium", "Chrom(?:e|ium)/"),
    ("Safari", "Safari/"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iOS", "iPhone|iPad"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS"),
    ("Linux", "Linux"),
)


def browser(agent: str) -> str:
    """Name browser and system of a User-Agent."""
    name = _first(_BROWSERS, agent) or "A browser"
    system = _first(_SYSTEMS, agent)
    return f"{name} on {system}" if system else name


def _first(patterns: Sequence[tuple[str, str]], agent: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, agent)), None)
