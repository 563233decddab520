"""One portal for all tests of this folder: what they do to it, they mend."""

from collections.abc import Iterator

import pytest

from tests.postgres import throw_away_server
from tests.production.bed import Bed, production_bed
from tests.security.sizes import IS_FULL

# Each of these takes a minute or more: `make security` runs them.
collect_ignore = [] if IS_FULL else ["test_outages.py", "test_browsers.py", "test_processes.py"]


@pytest.fixture(scope="session")
def started_bed(sandboxes, tmp_path_factory) -> Iterator[Bed]:
    with (
        throw_away_server() as server,
        production_bed(tmp_path_factory.mktemp("bed"), server, sandboxes) as bed,
    ):
        yield bed


@pytest.fixture
def bed(started_bed) -> Iterator[Bed]:
    yield started_bed
    while started_bed.visitors:
        started_bed.visitors.pop().close()
