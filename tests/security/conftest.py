"""What an attack proved is said in a line at the end, so that `make security` tells more than dots."""

from collections.abc import Callable

import pytest

from portal.storage import db
from tests.security import world
from tests.security.world import Tenant

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


@pytest.fixture
def tenants(app, sandboxes) -> tuple[Tenant, Tenant]:
    """Two organizations that have one of everything; every word of each is its own."""
    both = world.build("ours", sandboxes.stripe_url), world.build("theirs", sandboxes.stripe_url)
    db.session.commit()
    return both
