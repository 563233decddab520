"""How many examples a property is tried with: all in `make test`, a tenth when a person waits for it."""

import os
from typing import Any

from hypothesis import settings

VARIABLE = "EVERY_EXAMPLE"
_EXAMPLES_MIN = 3


def share_of(count: int) -> int:
    """Return how many of `count` examples, or machines, are tried in this run."""
    return count if os.environ.get(VARIABLE) else max(_EXAMPLES_MIN, count // 10)


def examples(count: int, **options: Any) -> settings:
    """Return the settings of a property; every one has its number of examples from here."""
    return settings(max_examples=share_of(count), deadline=None, **options)
