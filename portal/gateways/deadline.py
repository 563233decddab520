"""A total deadline for calls to a provider, and a bulkhead: a slow one holds a few threads, never all.

A library's own timeout counts from byte to byte and anew for each retry, so it bounds nothing in total.
A call that is given up has its connection cut, so that its seat is free again.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

from portal.domain.errors import OutcomeUnknownError, ProviderUnavailableError

_SEATS = 4

Answer = TypeVar("Answer")

_conversation_ends_at: ContextVar[float | None] = ContextVar("_conversation_ends_at", default=None)
_seat = threading.local()


class Call:
    """One call in its seat: until when it may go on, and the connection it waits on."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    def hold(self, connection: socket.socket | None) -> None:
        """Remember the connection that this call waits on; None when it waits no more."""
        with self._lock:
            self._connection = connection

    def cut(self) -> None:
        """End the wait: whoever reads from the connection gets an error at once."""
        self._ends_at = 0
        with self._lock:
            if self._connection is not None:
                with suppress(OSError):  # it was closed already
                    self._connection.shutdown(socket.SHUT_RDWR)

    def run(self, question: Callable[[], Answer]) -> Answer:
        _seat.call = self
        try:
            return question()
        finally:
            self.hold(None)
            _seat.call = None


def current_call() -> Call | None:
    """Return the call that this thread is in."""
    return getattr(_seat, "call", None)


class Deadline:
    """Runs the calls to one provider, at most four at a time, and waits for none longer than it may."""

    def __init__(self, name: str, milliseconds: int) -> None:
        self._seconds_max = milliseconds / 1000
        self._seats = ThreadPoolExecutor(max_workers=_SEATS, thread_name_prefix=name)

    @contextmanager
    def conversation(self) -> Iterator[None]:
        """Give all that is asked inside one deadline together."""
        ends_at = min(_conversation_ends_at.get() or float("inf"), time.monotonic() + self._seconds_max)
        token = _conversation_ends_at.set(ends_at)
        try:
            yield
        finally:
            _conversation_ends_at.reset(token)

    def ask(self, question: Callable[[], Answer], *, is_repeatable: bool) -> Answer:
        """Return the answer, or raise what the call raises.

        ProviderUnavailableError if none comes in time. OutcomeUnknownError if the call was already under
        way and it matters whether it had an effect, that is, unless it `is_repeatable`.
        """
        ends_at = _conversation_ends_at.get() or time.monotonic() + self._seconds_max
        call = Call(ends_at)
        if not call.seconds_left:
            raise ProviderUnavailableError  # what was asked before has used up the time
        seat = self._seats.submit(call.run, question)
        wait([seat], timeout=call.seconds_left)
        if seat.done():
            return seat.result()
        has_not_begun = seat.cancel()
        call.cut()
        if has_not_begun or is_repeatable:
            raise ProviderUnavailableError
        raise OutcomeUnknownError
