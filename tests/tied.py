"""No process of the tests outlives the one that started it, however that ends."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_PR_SET_PDEATHSIG = 1


def pytest_configure(config: pytest.Config) -> None:
    """A worker of xdist would go on for seconds when the run is killed."""
    if hasattr(config, "workerinput"):
        end_with_parent()


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl: no end with the parent")


@contextmanager
def afterwards(script: str, *arguments: str) -> Iterator[None]:
    """Run a shell script when the block is left or this process has ended, even by SIGKILL.

    The shell waits at a pipe that only this process holds, in a session that Ctrl-C does not reach.
    """
    shell = subprocess.Popen(
        ["sh", "-c", f"cat >/dev/null; {script}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=os.sep,
    )
    try:
        yield
    finally:
        assert shell.stdin is not None
        shell.stdin.close()
        shell.wait()
