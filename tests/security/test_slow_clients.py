"""Many who never finish what they send: everybody else is answered as fast as ever (S22)."""

import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.security.serve import served

_COUNT = 500
_SENT = (  # and then no more
    b"",
    b"GET /login HTTP/1.1\r\nHost: 127.0",
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nlogin=",
)
_SECONDS_MAX = 0.5


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.timeout(120)
def test_slow_clients_keep_no_other_client_waiting(app, sandboxes, tmp_path, proves):
    database = app.config["SQLALCHEMY_DATABASE_URI"]
    with served(database, sandboxes, tmp_path) as [url], contextlib.ExitStack() as slow:
        requests.get(f"{url}/login", timeout=20)  # the first page of a process compiles its template
        parts = urlsplit(url)
        for number in range(_COUNT):
            client = socket.create_connection((parts.hostname, parts.port), timeout=20)
            slow.enter_context(client)
            client.sendall(_SENT[number % len(_SENT)])
        seconds = []
        for _ in range(10):
            started = time.perf_counter()
            assert requests.get(f"{url}/login", timeout=20).status_code == 200
            seconds.append(time.perf_counter() - started)
    middle = sorted(seconds)[len(seconds) // 2]
    assert middle < _SECONDS_MAX
    proves(f"S22 {_COUNT} clients that never finish, 4 threads: a page in {middle * 1000:.0f} ms")
