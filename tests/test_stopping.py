"""Stopping: signals of any number are noticed by whoever waits, and no work holds up the end."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from portal.config import ROOT
from portal.stopping import StoppedError, Stopping, Works

SOON = 20  # seconds, on a busy machine
# Signals itself from another thread while the main thread is in whatever it does, and then waits.
STORM = """
import os, signal, sys, threading, time
from portal.config import ROOT
from portal.stopping import Stopping, exit_now
stopping = Stopping()
stopping.at_signals()
def storm():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) * 2000:
        os.kill(os.getpid(), number)
thread = threading.Thread(target=storm)
thread.start()
while not stopping.wait(0.001): pass
thread.join()
assert stopping.wait(30)
exit_now(7)
"""


# A signal in another thread interrupts no wait of the main thread, so no handler in Python runs.
ELSEWHERE = """
import signal, threading, time
from portal.stopping import Stopping, exit_now
stopping = Stopping()
stopping.at_signals()
idle = threading.Thread(target=time.sleep, args=(60,), daemon=True)
idle.start()
threading.Timer(0.2, lambda: signal.pthread_kill(idle.ident, signal.SIGTERM)).start()
assert stopping.wait()
exit_now(7)
"""


def test_a_wait_lasts_as_long_as_nobody_stops():
    stopping = Stopping()
    started = time.monotonic()

    assert stopping.wait(0.02) is False
    assert time.monotonic() - started >= 0.02
    assert not stopping.is_set()
    stopping.raise_if_set()


def test_stopping_wakes_every_thread_that_waits():
    stopping, woken = Stopping(), []
    threads = [threading.Thread(target=lambda: woken.append(stopping.wait(SOON))) for _ in range(5)]
    for thread in threads:
        thread.start()
    stopping.set()
    for thread in threads:
        thread.join()

    assert woken == [True] * 5
    assert stopping.wait() is True
    with pytest.raises(StoppedError):
        stopping.raise_if_set()


def test_stopping_again_and_again_never_blocks():
    stopping = Stopping()
    for _ in range(100_000):  # more than a pipe takes
        stopping.set()

    assert stopping.wait() is True


def test_thousands_of_signals_at_once_are_one_stop():
    done = subprocess.run([sys.executable, "-c", STORM], timeout=60, check=False, capture_output=True)

    assert (done.returncode, done.stderr) == (7, b"")


def test_a_handler_that_interrupts_a_wait_ends_it():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    wakeup = signal.set_wakeup_fd(-1)
    stopping = Stopping()
    stopping.at_signals()
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert stopping.wait(SOON) is True
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in zip((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), before, strict=True):
            signal.signal(number, handler)


def test_work_that_ends_when_it_is_told_to_is_waited_for():
    stopping, ended = Stopping(), []
    works = Works(stopping)
    works.begin("first", lambda: ended.append(stopping.wait()))
    works.begin("second", lambda: ended.append(stopping.raise_if_set() or stopping.wait()))
    stopping.set()

    assert works.end(SOON) is True
    assert ended[0] is True


def test_work_that_does_not_end_is_left_behind_after_its_time():
    stopping, is_over = Stopping(), threading.Event()
    works = Works(stopping)
    works.begin("deaf", is_over.wait)
    stopping.set()

    assert works.end(0.01) is False
    is_over.set()


def test_work_that_fails_stops_everything_and_says_why():
    stopping = Stopping()
    works = Works(stopping)
    works.begin("broken", lambda: {}["missing"])

    assert stopping.wait(SOON) is True
    with pytest.raises(KeyError, match="missing"):
        works.end(SOON)


def test_a_signal_that_comes_in_another_thread_wakes_a_main_thread_that_waits_already():
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], timeout=60, check=False, capture_output=True)

    assert (done.returncode, done.stderr) == (7, b"")


def test_signals_are_taken_in_two_places_and_no_handler_does_anything():
    taken = {
        path.relative_to(ROOT).as_posix(): re.findall(r"signal\.signal\(.*", path.read_text())
        for path in (ROOT / "portal").rglob("*.py")
        if "signal.signal(" in path.read_text()
    }
    assert taken == {
        "portal/stopping.py": ["signal.signal(number, lambda *_: None)"],
        "portal/serving/worker.py": [
            "signal.signal(number, lambda *_: None)",
            "signal.signal(signal.SIGCHLD, signal.SIG_DFL)",
        ],
        "portal/serving/supervisor.py": ["signal.signal(number, signal.SIG_IGN)"],  # once all is over
    }
