"""Long-running commands end within their bound, whatever signals come and whenever, and leave no process."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from portal.config import ROOT
from tests.sandbox.test_serving import free_ports
from tests.security.sizes import sized

BOUND_SECONDS = 40  # a command's own is 12; this machine may be busy with other tests
LOOPBACK = "127.0.0.1"
DEMO, CLOCK, SANDBOX = "the demo", "billing work", "the sandboxes"
FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


class Stop(NamedTuple):
    """Signals that come in a row, to the process or to its whole group.

    They come so many seconds after the start, or after the command has said something.
    """

    seconds: float
    signals: list[signal.Signals]
    is_for_group: bool = True
    after: str = ""


TWENTY = [signal.SIGTERM, signal.SIGINT] * 10


def stops(seed: str, moments: int, latest: float) -> Iterator[Stop]:
    """Yield stops by one, two and twenty signals at random moments."""
    chance = random.Random(seed)
    for number in range(moments):
        kinds = chance.choice([[signal.SIGTERM], [signal.SIGINT], [signal.SIGTERM, signal.SIGINT]])
        signals = [chance.choice(kinds) for _ in range((20, 2, 1)[number % 3])]
        yield Stop(chance.uniform(0.05, latest), signals, chance.random() < 0.5)


def each_stop(command: str, *, small: Stop, full: int, latest: float):
    each = sized([small], [small, *stops(command, full, latest)])
    return pytest.mark.parametrize("stop", each, ids=[f"moment-{number}" for number in range(len(each))])


@pytest.fixture
def run(tmp_path):
    """Start a command in a session of its own, stop it, and return its exit code and what it said."""

    def run_and_stop(command: list[str], stop: Stop, **environment: str) -> tuple[int, str]:
        log = tmp_path / "log"
        with log.open("w") as said:
            own = {**os.environ, "PORTAL_VAR": str(tmp_path / "var"), **environment}
            process = subprocess.Popen(
                command, cwd=ROOT, env=own, stdout=said, stderr=said, start_new_session=True
            )
        try:
            wait_for_words(log, stop.after)
            time.sleep(stop.seconds)  # the moment is what is tried
            for number in stop.signals:
                (os.killpg if stop.is_for_group else os.kill)(process.pid, number)
            status = process.wait(BOUND_SECONDS)
            assert wait_for_none_in_session(process.pid) == []
        finally:
            for pid in pids_in_session(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.wait()
        return status, log.read_text()

    return run_and_stop


def wait_for_words(log: Path, words: str) -> None:
    ends_at = time.monotonic() + BOUND_SECONDS
    while words not in log.read_text():
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.02)


def pids_in_session(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, facts = path.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        state, _, _, its_session = facts.split()[:4]
        if int(its_session) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_for_none_in_session(session: int) -> list[int]:
    """Return who is left after a while: a child whose parent was killed at its start ends by itself."""
    ends_at = time.monotonic() + BOUND_SECONDS
    while (left := pids_in_session(session)) and time.monotonic() < ends_at:
        time.sleep(0.05)
    return left


def first_of_three_free_ports() -> int:
    while True:
        (first,) = free_ports(1)
        with (
            suppress(OSError),
            socket.create_server((LOOPBACK, first + 1)),
            socket.create_server((LOOPBACK, first + 2)),
        ):
            return first


def was_told(status: int, said: str, stop: Stop) -> bool:
    """Tell whether a command ended as it should: by itself, or by a signal before it listened to any.

    Ctrl-C while Python still imports is Python's to tell.
    """
    if "Traceback" in said:
        return said.rstrip().endswith("KeyboardInterrupt")
    return status in {0, 1, *(-number for number in stop.signals)}


@each_stop(DEMO, small=Stop(0.5, TWENTY, after="metering a year"), full=16, latest=50)
def test_the_demo_stops_while_it_starts_fills_and_serves(run, tmp_path, stop, proves):
    port = first_of_three_free_ports()
    status, said = run([sys.executable, "-m", "portal.demo", "--port", str(port)], stop)

    assert was_told(status, said, stop), said
    proves(f"O8 {DEMO}: {len(stop.signals)} signals after {stop.seconds:.1f} s: ended, no process left")


@each_stop(SANDBOX, small=Stop(0, TWENTY, after="ready"), full=24, latest=3)
def test_the_sandboxes_stop_at_any_moment(run, stop, proves):
    stripe, easybill = map(str, free_ports(2))
    ports = ["--stripe-port", stripe, "--easybill-port", easybill]
    status, said = run([sys.executable, "-m", "portal.sandbox", *ports], stop)

    assert was_told(status, said, stop), said
    proves(f"O8 {SANDBOX}: {len(stop.signals)} signals after {stop.seconds:.1f} s: ended, no process left")


@each_stop(CLOCK, small=Stop(0, TWENTY, after="reason"), full=16, latest=12)
def test_the_clock_stops_at_any_moment(run, tmp_path, sqlite_backend, stop, proves):
    (tmp_path / "var").mkdir()
    with sqlite_backend.app.app_context():
        shutil.copy(sqlite_backend.app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"), tmp_path)
    shutil.move(tmp_path / "portal.sqlite", tmp_path / "var" / "portal.sqlite")
    status, said = run([*FLASK, "billing", "work", "--every", "2"], stop)

    assert was_told(status, said, stop), said
    proves(f"O8 {CLOCK}: {len(stop.signals)} signals after {stop.seconds:.1f} s: ended, no process left")
