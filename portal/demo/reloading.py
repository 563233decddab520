"""`make dev`: the portal in a process of its own that starts anew when its code or a static file changes.

Templates need no new start. Where the code cannot start, its error is shown and the next change tries again.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from portal.config import ROOT
from portal.stopping import Stopping

_LOOK_EVERY_SECONDS = 0.5
_END_SECONDS = 4  # a request that goes on for longer is of no use to what changed
_WATCHED = ("portal/**/*.py", "migrations/**/*.py", "static/**/*")
Seen = dict[Path, int]  # file -> when it was written, in nanoseconds


def keep_serving(port: int, stopping: Stopping) -> None:
    """Serve what is on disk until `stopping` is set; the process that serves ends when we do."""
    while not stopping.is_set():
        seen = files()
        process = _start(port)
        while not stopping.wait(_LOOK_EVERY_SECONDS) and files() == seen:
            pass
        _end(process)


def files() -> Seen:
    """Return what would change what the portal does."""
    written_at: Seen = {}
    for pattern in _WATCHED:
        for path in ROOT.glob(pattern):
            try:
                written_at[path] = path.stat().st_mtime_ns
            except FileNotFoundError:  # an editor replaces a file by taking it away first
                continue
    return written_at


def _start(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "portal.demo", "--port", str(port), "--only-serve"]
    return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 -- our own module


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin is not None
    process.stdin.close()


def end_with_stdin() -> None:
    """Watch for the end of the parent process, which closes our standard input."""
    threading.Thread(target=_wait_for_end_of_stdin, daemon=True).start()


def _wait_for_end_of_stdin() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock an ending interpreter would wait for
        pass
    os._exit(1)
