"""A total deadline for calls to a provider, and a bulkhead: a slow provider holds a few threads, never all.

A library's own timeout counts from byte to byte and anew for each retry, so it bounds nothing in total.
A call that is given up has its connection cut, so that its worker slot is free again.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

from portal.domain.errors import OutcomeUnknownError, ProviderUnavailableError

WORKER_SLOTS = 4

Answer = TypeVar("Answer")

_scope_ends_at: ContextVar[float | None] = ContextVar("_scope_ends_at", default=None)
_worker = threading.local()


class Call:
    """A call in its worker slot: until when it may go on, and the connection it waits on."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at
        self._is_aborted = False
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    def wait_on(self, connection: socket.socket | None) -> None:
        """Remember the connection that this call waits on; None when it waits no more."""
        with self._lock:
            self._connection = connection
            if self._is_aborted:  # while it was still connecting
                self._shut_down()

    def abort(self) -> None:
        """End the wait: a read from the connection, now or later, gets an error at once."""
        with self._lock:
            self._ends_at, self._is_aborted = 0, True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # it was closed already
                self._connection.shutdown(socket.SHUT_RDWR)

    def run(self, question: Callable[[], Answer]) -> Answer:
        _worker.call = self
        try:
            return question()
        finally:
            self.wait_on(None)
            _worker.call = None


def current_call() -> Call | None:
    """Return the call that this thread is in."""
    return getattr(_worker, "call", None)


class Deadline:
    """Runs the calls to one provider, at most four at a time, and waits for none longer than it may."""

    def __init__(self, name: str, milliseconds: int) -> None:
        self._seconds_max = milliseconds / 1000
        self._workers = ThreadPoolExecutor(max_workers=WORKER_SLOTS, thread_name_prefix=name)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Give all that is asked inside one deadline together."""
        ends_at = min(_scope_ends_at.get() or float("inf"), time.monotonic() + self._seconds_max)
        token = _scope_ends_at.set(ends_at)
        try:
            yield
        finally:
            _scope_ends_at.reset(token)

    def ask(self, question: Callable[[], Answer], *, is_repeatable: bool) -> Answer:
        """Return the answer, or raise what the call raises.

        ProviderUnavailableError if none comes in time. OutcomeUnknownError if the call was already under
        way and it matters whether it had an effect, that is, unless it `is_repeatable`.
        """
        ends_at = _scope_ends_at.get() or time.monotonic() + self._seconds_max
        call = Call(ends_at)
        if not call.seconds_left:
            raise ProviderUnavailableError  # the calls before have used up the time
        answer = self._workers.submit(call.run, question)
        wait([answer], timeout=call.seconds_left)
        if answer.done():
            return answer.result()
        has_not_begun = answer.cancel()
        call.abort()
        if has_not_begun or is_repeatable:
            raise ProviderUnavailableError
        raise OutcomeUnknownError
