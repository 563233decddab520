"""How long a step waits for a provider in all, so that the steps after it come round too."""

import time
from collections.abc import Callable

Wait = Callable[[float], object]
_SECONDS_MAX = 300


class Patience:
    """Sits out what a provider asks for, until that is five minutes together; then it ends the step's run.

    At the start of a month thousands of documents wait, and a plan may take ten calls a minute: mails,
    hours and everything else would wait for days. The rest is due in the next run.
    """

    def __init__(self, wait: Wait) -> None:
        self._wait = wait
        self._ends_at = time.monotonic() + _SECONDS_MAX
        self.is_over = False

    def __call__(self, seconds: float) -> object:
        """Wait, and return True to end the run for good."""
        self.is_over = time.monotonic() + seconds > self._ends_at
        return self.is_over or self._wait(seconds)
