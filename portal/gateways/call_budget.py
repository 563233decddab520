"""The call budget of a provider: so many calls in any sixty seconds, of all processes together.

The arithmetic alone: `delivery/call_budget` counts the calls in the database.
"""

from collections.abc import Sequence

MINUTE_MILLISECONDS = 60_000


class Budget:
    """The limit that a connection heeds before each call; this one has none."""

    def spend(self) -> int:
        """Count one call and return 0, or return the milliseconds until there may be one, uncounted."""
        return 0

    def pause(self, seconds: int) -> None:
        """Let no process call for so long: the provider has asked for it."""


def recent(called_at: Sequence[int], at: int) -> list[int]:
    """Return the calls of the minute before `at`, oldest first; a call of the future counts now.

    A clock that was set back must not close the account for the rest of the day.
    """
    return sorted(min(each, at) for each in called_at if each > at - MINUTE_MILLISECONDS)


def milliseconds_to_wait(called_at: Sequence[int], paused_until: int, at: int, calls_per_minute: int) -> int:
    """Return how long a call has to wait, given the recent calls; 0 when it may be made now."""
    waits = [paused_until - at]
    if len(called_at) >= calls_per_minute:
        waits.append(called_at[-calls_per_minute] + MINUTE_MILLISECONDS - at)
    return max(0, *waits)
