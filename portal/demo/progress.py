"""Progress of `make run`: a line for each step, and a count where a step takes long."""

import sys
import time
from collections.abc import Callable

_COUNT_EVERY_SECONDS = 1.0
Report = Callable[[int], None]  # told how many more are done


def silent(more: int) -> None:
    """Report to nobody."""
    del more


class Progress:
    """Writes to standard output; on a terminal a count replaces the one before."""

    def __init__(self) -> None:
        self._is_counting = False

    def step(self, text: str) -> None:
        """Say what begins now."""
        self._end_count()
        _write(f"{text}\n")

    def counter(self, unit: str) -> Report:
        """Return what counts a step; it says how many there are once a second at most."""
        done, shown_at = 0, time.monotonic()

        def count(more: int) -> None:
            nonlocal done, shown_at
            done += more
            if time.monotonic() - shown_at >= _COUNT_EVERY_SECONDS:
                shown_at = time.monotonic()
                self._is_counting = True
                _write(f"\r  {done:,} {unit}" if sys.stdout.isatty() else f"  {done:,} {unit}\n")

        return count

    def _end_count(self) -> None:
        if self._is_counting and sys.stdout.isatty():
            _write("\n")
        self._is_counting = False


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
