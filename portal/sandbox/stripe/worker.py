"""A thread that does what falls due, and sleeps until then."""

import threading
import time
from abc import ABC, abstractmethod


class Worker(ABC):
    """Open work is in the store, so that it survives a restart."""

    def __init__(self, name: str) -> None:
        self._woken = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def next_due_at(self) -> float | None:
        """When there is something to do, in seconds since 1970; None if there is nothing."""

    @abstractmethod
    def do_next(self) -> None:
        """Do what is due first."""

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._is_stopped = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_stopped:
            self._woken.clear()
            due_at = self.next_due_at()
            wait_seconds = None if due_at is None else due_at - time.time()
            if wait_seconds is None or wait_seconds > 0:
                self._woken.wait(wait_seconds)
            else:
                self.do_next()
