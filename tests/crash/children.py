"""Child processes by fork, everything imported already: each ends by itself or by SIGKILL.

Who forks has no threads and no connection open, so that a child begins as cleanly as a new process.
"""

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.tied import end_with_parent

SECONDS_MAX = 60  # whoever says nothing for so long hangs
Tell = Callable[[object], None]


@dataclass
class Child:
    """A process that tells its parent things, one JSON line each."""

    pid: int
    _reader: int
    _gate: int
    _unread: bytes = field(default=b"")

    def hear(self) -> Any:
        """Return the next thing told, or None when the child has ended."""
        ends_at = time.monotonic() + SECONDS_MAX
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._reader], [], [], max(0, ends_at - time.monotonic()))
            if not ready:
                self.kill()
                return {"error": f"hung for {SECONDS_MAX} seconds"}
            got = os.read(self._reader, 65536)
            if not got:
                return None
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def let_go(self) -> None:
        """Open the gate that the child may be waiting at."""
        with suppress(BrokenPipeError):  # it has ended already
            os.write(self._gate, b"!")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> bool:
        """Wait for the end and tell whether it was SIGKILL."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._reader)
        os.close(self._gate)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def outcome(self) -> tuple[Any, bool]:
        """Return the last thing told, if any, and whether SIGKILL ended it."""
        last = None
        while (told := self.hear()) is not None:
            last = told
        return last, self.end()


def fork(work: Callable[[Tell, Callable[[], None]], object]) -> Child:
    """Run `work(tell, wait_at_the_gate)` in a child; what it returns or raises is told last."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    waits, gate = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        os.close(waits)
        return Child(pid, reader, gate)
    end_with_parent()
    gc.disable()  # it would copy every page that is still shared with the parent
    try:
        os.close(reader)
        os.close(gate)

        def tell(what: object) -> None:
            os.write(writer, json.dumps(what, default=str).encode() + b"\n")

        try:
            result: object = {"value": work(tell, lambda: os.read(waits, 1) and None)}
        except BaseException:  # noqa: BLE001 - whatever it is, the parent has to know
            result = {"error": traceback.format_exc()}
        tell(result)
    finally:
        os._exit(0)


def in_child(work: Callable[[], object]) -> Any:
    """Return what `work` returns, from a child; raises RuntimeError with its traceback."""
    told, _ = fork(lambda *_: work()).outcome()
    if not told or "error" in told:
        raise RuntimeError(told["error"] if told else "killed")
    return told["value"]
