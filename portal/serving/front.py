"""The front of a process that serves: one thread that waits for all clients, before the threads that answer.

A request meets the portal when it has arrived whole: a slow client holds a few kilobytes, and no thread.
"""

import logging
import socket
import time
from functools import partial

from flask import Flask
from waitress import wasyncore
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from portal.serving.channel import Channel
from portal.serving.clients import Clients
from portal.serving.limits import CONNECTIONS_FREE, Limits

log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_LOOK_SECONDS_WHEN_DRAINING = 0.1
_IDLE_SECONDS_WHEN_DRAINING = 1
_SILENT_SECONDS_WHEN_DRAINING = 5  # in the middle of a request or of its answer


class Front(TcpWSGIServer):
    """Answers what arrives at a listening socket, until it is drained."""

    channel_class = Channel
    _drains_until: float | None = None
    _look_at_all_at = 0.0

    def __init__(self, app: Flask, listening: socket.socket, *, threads: int) -> None:
        limits = Limits(app, threads)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(threads)
        sockinfo = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(
            app,
            map=Clients(),
            _sock=listening,
            dispatcher=dispatcher,
            adj=limits,
            sockinfo=sockinfo,
            bind_socket=False,
        )

    @property
    def is_draining(self) -> bool:
        return self._drains_until is not None

    @property
    def connections(self) -> list[Channel]:
        return list(self.active_channels.values())

    def run(self) -> None:
        """Serve until the last client has its answer after `drain`."""
        clients: Clients = self._map
        while not self.is_draining or self.connections:
            if self.is_draining:
                self._close_what_is_done()
                clients.all_changed()
                clients.wait(_LOOK_SECONDS_WHEN_DRAINING)
            else:
                self._look_at_all()
                clients.wait(_LOOK_SECONDS)
        self.task_dispatcher.set_thread_count(0)
        self.trigger.close()
        clients.close()

    def _look_at_all(self) -> None:
        """Each second all are asked what they wait for, and the listening socket looks after the others."""
        now = time.monotonic()
        if now >= self._look_at_all_at:
            self._look_at_all_at = now + _LOOK_SECONDS
            self._map.all_changed()

    def pull_trigger(self) -> None:
        """A thread has something for the loop: for a connection that it serves."""
        for channel in self.connections:
            if channel.requests:
                self._map.changed(channel._fileno)  # noqa: SLF001 -- waitress has no other
        super().pull_trigger()

    def drain_soon(self, seconds: float) -> None:
        """Drain, called from another thread."""
        self.trigger.pull_trigger(partial(self.drain, seconds))

    def count_of_large_bodies(self) -> int:
        return sum(channel.count_of_large_bodies for channel in self.connections)

    def maintenance(self, now: float) -> None:
        for channel in self.connections:
            if channel.is_overdue(now):
                channel.will_close = True
        self._make_room()

    def _make_room(self) -> None:
        """Close whoever is silent for longest, before nobody else may come in."""
        excess = len(self.connections) - self.adj.connection_limit + CONNECTIONS_FREE
        if excess > 0:
            silent = [channel for channel in self.connections if not channel.requests]
            silent.sort(key=lambda channel: channel.last_activity)
            for channel in silent[:excess]:
                channel.will_close = True
            log.warning(
                "too many connections: silent ones were closed", extra={"closed": len(silent[:excess])}
            )

    def drain(self, seconds: float) -> None:
        """Take no more connections, and answer on those that there are for so long at most."""
        if self.is_draining:
            return
        self._accept_all_that_wait()
        self._drains_until = time.monotonic() + seconds
        wasyncore.dispatcher.close(self)

    def _accept_all_that_wait(self) -> None:
        count = -1
        while count != len(self.connections):
            count = len(self.connections)
            self.handle_accept()

    def _close_what_is_done(self) -> None:
        """A proxy may just send on a connection that it keeps, so that an idle one stays for a moment."""
        assert self._drains_until is not None
        now = time.time()
        is_over = time.monotonic() > self._drains_until
        if is_over and self.connections:
            log.warning("the time to drain is over", extra={"connections": len(self.connections)})
        for channel in self.connections:
            if is_over:
                channel.handle_close()
            elif channel.is_overdue(now) or channel.is_idle_since(now - _patience_with(channel)):
                channel.will_close = True


def _patience_with(channel: Channel) -> int:
    return _IDLE_SECONDS_WHEN_DRAINING if channel.is_between_requests else _SILENT_SECONDS_WHEN_DRAINING
