"""Waits for all clients at once, by epoll: those that are idle cost nothing while others are served.

waitress asks each connection before every wait what it waits for: beside 850 idle ones an answer
took ten times its time. Here one is asked when something may have changed for it, and all are each second.
"""

import select
from collections import deque
from typing import Any

from waitress import wasyncore


class Clients(dict[int, Any]):
    """The map of a front's sockets, by descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._flags: dict[int, int] = {}  # of the descriptors that are watched
        self._changed: deque[int] = deque()  # appended to by any thread

    def __setitem__(self, descriptor: int, dispatcher: Any) -> None:
        super().__setitem__(descriptor, dispatcher)
        self.changed(descriptor)

    def __delitem__(self, descriptor: int) -> None:
        super().__delitem__(descriptor)
        if self._flags.pop(descriptor, 0):
            self._epoll.unregister(descriptor)

    def changed(self, descriptor: int | None) -> None:
        """Ask a connection before the next wait; None if it is closed already."""
        if descriptor is not None:
            self._changed.append(descriptor)

    def all_changed(self) -> None:
        self._changed.extend(self)

    def wait(self, seconds: float) -> None:
        """Wait for what clients do, and let their dispatchers act on it."""
        self._watch_as_wanted()
        for descriptor, events in self._epoll.poll(seconds):
            if descriptor in self:
                self.changed(descriptor)
                wasyncore.readwrite(self[descriptor], events)

    def close(self) -> None:
        self._epoll.close()

    def _watch_as_wanted(self) -> None:
        while self._changed:
            descriptor = self._changed.popleft()
            if descriptor in self:
                self._watch(descriptor, _flags_wanted(self[descriptor]))

    def _watch(self, descriptor: int, flags: int) -> None:
        before = self._flags.get(descriptor, 0)
        if flags and not before:
            self._epoll.register(descriptor, flags)
        elif before and not flags:
            self._epoll.unregister(descriptor)
        elif flags != before:
            self._epoll.modify(descriptor, flags)
        self._flags[descriptor] = flags


def _flags_wanted(dispatcher: Any) -> int:
    # Not EPOLLPRI: an urgent byte, which nobody reads, would wake the loop again and again.
    flags = select.EPOLLIN if dispatcher.readable() else 0
    if dispatcher.writable() and not dispatcher.accepting:  # asked last: a thread may just have written
        flags |= select.EPOLLOUT
    return flags
