"""The kill harness in small; `make crash` is the whole of it.

In a process of its own: it forks, and the process of the tests has threads.
"""

import subprocess
import sys

import pytest


@pytest.mark.timeout(180)
def test_a_billing_run_that_was_killed_raced_or_lost_its_database_is_finished_by_the_next():
    command = [sys.executable, "-m", "tests.crash", "--small", "--seed", "1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong in" in done.stdout
