"""Processes of a test: each ends with it, and what is waited for has a deadline."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from portal.config import ROOT

_TIED = ("setpriv", "--pdeathsig", "KILL")
_END_SECONDS = 40


def started(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to a file; it ends with the thread that started it."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [*_TIED, *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )


def ended(process: subprocess.Popen[bytes]) -> int:
    """End a program as an operator does, and return how it ended; one that does not end is a fault."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(each) for each in text.split()]


def until(is_so: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something; AssertionError where it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
