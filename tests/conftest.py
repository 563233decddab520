"""What a test file needs is loaded when it is collected: a file of arithmetic never meets the portal."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Folders and files whose tests take no fixture of the portal; any other file gets them all.
PURE = frozenset(
    {
        "domain",
        "gateways/test_breaker.py",
        "gateways/test_deadline.py",
        "house/test_no_float.py",
        "house/test_seller.py",
        "test_seller.py",
    }
)


def is_pure(path: Path) -> bool:
    place = path.relative_to(HERE)
    return not PURE.isdisjoint([place.as_posix(), *(folder.as_posix() for folder in place.parents)])


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Load the portal's fixtures before the first file that needs them is imported."""
    if isinstance(collector, pytest.Module) and not is_pure(collector.path):
        collector.config.pluginmanager.import_plugin("tests.fixtures")
