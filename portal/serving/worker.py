"""One of the processes that answer: it drains when it is told to, or when its supervisor has ended."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping

from flask import Flask
from waitress import wasyncore

from portal.serving.front import Front
from portal.serving.supervisor import STOPPING
from portal.storage import db


class Alarm(wasyncore.file_dispatcher):
    """The end of a pipe, watched in the loop of the front: it rings when something can be read from it."""

    def __init__(self, pipe: int, map: Mapping[int, object], ring: Callable[[], None]) -> None:  # noqa: A002
        super().__init__(pipe, map=map)
        self._ring = ring

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.handle_close()

    def handle_close(self) -> None:
        self.close()
        self._ring()


def serve(
    app: Flask, listening: socket.socket, supervisor: int, *, threads: int, drain_seconds: float
) -> None:
    """Answer until told to stop. `supervisor` is the pipe whose other end only the supervisor has."""
    _forget_connections(app)
    front = Front(app, listening, threads=threads)
    for pipe in (_pipe_of_signals(), supervisor):
        Alarm(pipe, front._map, lambda: front.drain(drain_seconds))  # noqa: SLF001 -- waitress has no other
        os.close(pipe)  # the alarm has a copy
    front.run()
    logging.shutdown()


def _pipe_of_signals() -> int:
    """Return a pipe in which a byte says that a signal came; no code of ours runs then, and takes no lock."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOPPING:
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING | {signal.SIGCHLD})
    return reading


def _forget_connections(app: Flask) -> None:
    """A connection from before the fork is the supervisor's."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)
