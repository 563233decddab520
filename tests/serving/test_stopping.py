"""How `serve` ends: by signals at any moment, with its supervisor; and what becomes of its workers."""

import os
import random
import re
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from tests.security.sizes import IS_FULL
from tests.serving.live import HOST, LOGIN, begin, end, eventually, is_alive, serving

MULTIPLICITIES = (1, 2, 20)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
UNFINISHED = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nlogin"


def refuses(server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_requests_in_flight_are_answered_and_new_clients_are_refused(migrated):
    with serving(migrated, "--drain-seconds", "10") as server:
        kept = server.client().send(LOGIN)
        page = kept.answer()
        half_sent = server.client().send(UNFINISHED)
        answered = in_work(server, page, migrated)
        workers = server.workers()
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(server))
        server.process.send_signal(signal.SIGTERM)  # as make and its process group do
        last = kept.send(LOGIN).rest()
        assert last.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in last
        assert half_sent.send(b"=abcd").rest().startswith(b"HTTP/1.1 400"), "no CSRF token"
        assert answered().startswith(b"HTTP/1.1 422"), "a wrong password"
        assert server.process.wait(10) == 0
        assert not [worker for worker in workers if is_alive(worker)]
        assert list(server.log.with_suffix(".tmp").iterdir()) == [], "no folder of metrics is left"


def in_work(server, page: bytes, var):
    """Begin a sign-in that waits for a lock of the database; return what releases it, and its answer."""
    lock = sqlite3.connect(var / "portal.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    cookie = re.search(rb"Set-Cookie: (session=[^;]+)", page)[1]
    form = b"login=nobody@example.org&password=wrong+wrong+wrong&csrf_token=" + token
    head = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
    head += b"Cookie: %s\r\nContent-Length: %d\r\n\r\n" % (cookie, len(form))
    client = server.client().send(head, form)

    def released() -> bytes:
        lock.execute("ROLLBACK")
        lock.close()
        return client.rest()

    return released


def test_no_worker_outlives_a_supervisor_that_is_killed_whatever_its_clients_do(migrated):
    with serving(migrated, "--drain-seconds", "1") as server:
        eventually(lambda: len(server.workers()) == 2)
        first, second = server.workers()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(server.workers()) == 2 and first not in server.workers())
        [line] = server.lines("a worker ended and is replaced")
        assert (line["pid"], line["exit_code"]) == (first, -signal.SIGKILL)
        client = server.client().send(UNFINISHED)
        workers = {second, *server.workers()}
        server.process.kill()
        eventually(lambda: not [worker for worker in workers if is_alive(worker)], 5)
        assert client.rest() == b""


@pytest.mark.timeout(900)
def test_signals_at_random_moments_stop_serve_and_leave_no_process(migrated):
    """Moments of its start too. The seed is in the message of a failure."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    for number in range(60 if IS_FULL else 1):
        process, log = begin(migrated, "--drain-seconds", "2")
        try:
            time.sleep(chance.uniform(0, 4))  # the moment is what is tried
            for _ in range(MULTIPLICITIES[(seed + number) % 3]):
                process.send_signal(chance.choice(SIGNALS))
                time.sleep(chance.choice((0, 0, 0.001, 0.01)))
            process.wait(10)
            assert processes_of(process.pid) == [], seed
            assert list(log.with_suffix(".tmp").iterdir()) == [], f"{seed}: {log.read_text()}"
        finally:
            end(process)


def processes_of(session: int) -> list[int]:
    """Return the processes of a session that are alive."""
    processes = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [process for process in processes if is_alive(process) and _session_of(process) == session]


def _session_of(process: int) -> int | None:
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None
