"""What an attack proved is said in a line at the end, so that `make security` tells more than dots.

A plugin of `tests/fixtures.py`.
"""

from collections.abc import Callable

import pytest

_proved: list[str] = []


@pytest.fixture
def proves(request) -> Callable[[str], None]:
    """Note what was found out, with its numbers; the database of the test is named beside it."""
    params = getattr(getattr(request.node, "callspec", None), "params", {})
    where = {"sqlite": "SQLite: ", "postgresql": "PostgreSQL: "}.get(str(params.get("backend")), "")

    def note(what: str) -> None:
        bar, _, rest = what.partition(" ")
        _proved.append(f"{bar:4} {where}{rest}")

    return note


def pytest_terminal_summary(terminalreporter) -> None:
    if _proved:
        terminalreporter.write_sep("-", "proved by attack")
        for line in sorted(_proved):
            terminalreporter.write_line(line)
