"""A total deadline for calls to a provider, and a bulkhead: a slow one holds a few threads, never all.

A library's own timeout counts from byte to byte and anew for each retry, so it bounds nothing in total.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from portal.domain.errors import OutcomeUnknownError, ProviderUnavailableError

_SEATS = 4

Answer = TypeVar("Answer")


class Deadline:
    """Runs the calls to one provider, at most four at a time, and waits for none longer than it may."""

    def __init__(self, name: str, milliseconds: int) -> None:
        self._seconds_max = milliseconds / 1000
        self._seats = ThreadPoolExecutor(max_workers=_SEATS, thread_name_prefix=name)

    def ask(self, question: Callable[[], Answer], *, is_repeatable: bool) -> Answer:
        """Return the answer, or raise what the call raises.

        ProviderUnavailableError if none comes in time. OutcomeUnknownError if the call was already under
        way and it matters whether it had an effect, that is, unless it `is_repeatable`.
        """
        call = self._seats.submit(question)
        wait([call], timeout=self._seconds_max)
        if call.done():
            return call.result()
        has_not_begun = call.cancel()
        if has_not_begun or is_repeatable:
            raise ProviderUnavailableError
        raise OutcomeUnknownError
