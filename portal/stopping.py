"""Stops a long-running command by signals, however many and whenever they come.

The main thread only waits, and the work is in threads: a signal is noticed at once, whatever the work is in.
A handler takes no lock, since it may interrupt whoever holds that lock. The process ends within its bound: it
waits for work that can end and abandons the rest, because work of ours may be killed anywhere.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StoppedError(Exception):
    """The work was told to stop, and did not finish."""


class Stopping:
    """Whether to stop: a pipe that any number of threads wait for, and that nobody reads."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)

    def at_signals(self) -> None:
        """Stop when this process is told to; for the main thread.

        The interpreter writes to the pipe at once, in whichever thread the signal comes. A handler in Python
        would run when the main thread goes on, which may wait already when the signal comes elsewhere.
        """
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)

    def set(self) -> None:
        with suppress(BlockingIOError):  # it is full already
            os.write(self._write_end, b"!")

    def is_set(self) -> bool:
        return self.wait(0)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until told to stop, for so many seconds at most; tell whether to stop."""
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))

    def raise_if_set(self) -> None:
        if self.is_set():
            raise StoppedError


class Works:
    """Work in threads beside the main thread; work that fails stops everything."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def begin(self, name: str, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 -- the main thread raises it
            self._errors.append(error)
            self._stopping.set()

    def end(self, seconds: float) -> bool:
        """Wait for the work to end, and raise what it raised; tell whether all of it ended in time."""
        ends_at = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))
        if self._errors:
            raise self._errors[0]
        return not any(thread.is_alive() for thread in self._threads)


def exit_now(status: int = 0) -> NoReturn:
    """End the process without a look at threads that are still at work."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(status)
