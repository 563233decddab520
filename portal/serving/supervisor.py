"""Keeps so many workers alive, and ends with them. It takes signals when it looks, and has no handlers."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
log = logging.getLogger(__name__)
_WATCHED = STOPPING | {signal.SIGCHLD}
_LOOK_SECONDS = 1.0
_QUICK_SECONDS = 5.0  # a worker that ended sooner than this is not replaced at once
_PAUSE_SECONDS = 1.0
_KILL_AFTER_SECONDS = 2.0  # beyond the time to drain

Work = Callable[[int], None]  # given the pipe whose other end only the supervisor has
Hook = Callable[[int], object]  # given the process id of a worker that has ended


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back what would stop us until the supervisor looks, so that nothing is left half begun.

    What comes after the first one is ignored: this process ends anyway, and then with its own exit code.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        yield
    finally:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Supervisor:
    """Runs `work` in so many processes, which share a socket; `when_ended` is called after one has ended."""

    def __init__(
        self, work: Work, count: int, listening: socket.socket, *, drain_seconds: float, when_ended: Hook
    ) -> None:
        self._work = work
        self._listening = listening
        self._count = count
        self._drain_seconds = drain_seconds
        self._when_ended = when_ended
        self._began_at: dict[int, float] = {}  # by process id
        self._may_begin_at = 0.0
        self._reading, self._writing = os.pipe()

    def run(self) -> None:
        """Return when a signal came and every worker has ended."""
        try:
            while not self._is_told_to_stop():
                self._bury_the_dead(is_stopping=False)
                self._replace()
        finally:
            self._stop()

    def _is_told_to_stop(self) -> bool:
        is_waiting = self._began_at or time.monotonic() < self._may_begin_at
        came = signal.sigtimedwait(_WATCHED, _LOOK_SECONDS if is_waiting else 0)
        return came is not None and came.si_signo in STOPPING

    def _replace(self) -> None:
        while len(self._began_at) < self._count and time.monotonic() >= self._may_begin_at:
            try:
                self._begin()
            except OSError:
                log.exception("no worker could be started")
                self._may_begin_at = time.monotonic() + _PAUSE_SECONDS

    def _begin(self) -> None:
        process = os.fork()
        if not process:
            self._be_worker()
        self._began_at[process] = time.monotonic()

    def _be_worker(self) -> NoReturn:
        status = 1
        try:
            os.close(self._writing)
            self._work(self._reading)
            status = 0
        except BaseException:  # whatever it is, this process goes no further up
            log.exception("a worker failed")
        finally:
            os._exit(status)

    def _bury_the_dead(self, *, is_stopping: bool) -> None:
        for process in list(self._began_at):
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended:
                continue
            lived = time.monotonic() - self._began_at.pop(process)
            if not is_stopping:
                facts = {"pid": process, "exit_code": os.waitstatus_to_exitcode(status)}
                log.warning("a worker ended and is replaced", extra=facts)
                if lived < _QUICK_SECONDS:
                    self._may_begin_at = time.monotonic() + _PAUSE_SECONDS
            self._when_ended(process)

    def _stop(self) -> None:
        os.close(self._writing)
        self._listening.close()  # the last worker that closes its copy turns new clients away
        kill_at = time.monotonic() + self._drain_seconds + _KILL_AFTER_SECONDS
        while self._began_at:
            self._bury_the_dead(is_stopping=True)
            if time.monotonic() > kill_at:
                self._kill()
            elif self._began_at:
                signal.sigtimedwait({signal.SIGCHLD}, 0.1)
        os.close(self._reading)

    def _kill(self) -> None:
        log.error("workers did not end in time", extra={"pids": list(self._began_at)})
        for process in self._began_at:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            self._when_ended(process)
        self._began_at.clear()
