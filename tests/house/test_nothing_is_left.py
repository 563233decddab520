"""No server of the tests outlives them, however they end."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from portal.config import ROOT

END_WITHIN_SECONDS = 30
HOLD = """
import sys
from tests.postgres import throw_away_server

with throw_away_server() as server:
    print(server.home, flush=True)
    sys.stdin.read()
"""
TEST = """
import pathlib, signal
from tests.postgres import throw_away_server


def test_that_waits():
    with throw_away_server() as server:
        pathlib.Path({told!r}).write_text(str(server.home))
        signal.pause()
"""


def server_of(home: str) -> int:
    """Return a handle of a server's process, which is readable once the process has ended."""
    return os.pidfd_open(int(Path(home, "data/postmaster.pid").read_text().split()[0]))


def has_ended(handle: int) -> bool:
    ready, _, _ = select.select([handle], [], [], END_WITHIN_SECONDS)
    os.close(handle)
    return bool(ready)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name
)
def test_a_database_server_ends_with_the_process_that_started_it(number):
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as holder:
        assert holder.stdout
        server = server_of(holder.stdout.readline().strip())
        holder.send_signal(number)
        assert has_ended(server)


def test_a_database_server_of_a_worker_ends_when_the_run_is_killed(tmp_path):
    told = tmp_path / "told"
    os.mkfifo(told)
    (tmp_path / "test_held.py").write_text(TEST.format(told=str(told)))
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "tests.tied", "--rootdir", str(tmp_path)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with subprocess.Popen(
        [*command, str(tmp_path)], cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as run:
        server = server_of(told.read_text().strip())
        run.kill()
        assert has_ended(server)
