"""What a test file needs is loaded when it is collected: a file of arithmetic never meets the portal."""

import gc
from pathlib import Path

import pytest

pytest_plugins = ["tests.tied"]
HERE = Path(__file__).parent
# Folders and files that need less than the portal: the plugin of their fixtures, if any.
LESS = {
    "domain": None,
    "gateways/test_breaker.py": None,
    "gateways/test_deadline.py": None,
    "house/test_layers.py": None,
    "house/test_rendering.py": None,
    "house/test_no_float.py": None,
    "house/test_one_clock.py": None,
    "house/test_numbers.py": None,
    "house/test_seller.py": None,
    "test_seller.py": None,
    "ledger": "tests.rows",
}


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Load the fixtures that a file needs before the file is imported."""
    if isinstance(collector, pytest.Module) and (plugin := _plugin_of(collector.path)):
        collector.config.pluginmanager.import_plugin(plugin)


def pytest_collection_finish() -> None:
    """What was imported stays: to walk it again and again took a fifth of the time of a test."""
    gc.freeze()
    gc.set_threshold(50_000)


def _plugin_of(path: Path) -> str | None:
    place = path.relative_to(HERE)
    names = (place.as_posix(), *(folder.as_posix() for folder in place.parents))
    return next((LESS[name] for name in names if name in LESS), "tests.fixtures")
