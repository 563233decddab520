"""What the front takes of a client's: connections, bytes, seconds, and the word of so many proxies."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, request
from waitress import wasyncore

from portal.access.auth import PUBLIC, Policy, body_limits
from portal.app import create_app
from portal.serving import channel, limits
from portal.serving.clients import Clients
from portal.serving.front import Front
from portal.serving.listening import listening_at
from tests.serving.live import HOST, LOGIN, SECONDS_MAX, Client, eventually
from tests.settings import NOWHERE, make_settings

KIBIBYTE = 1024
SIXTEEN_MEBIBYTES = 16 * KIBIBYTE * KIBIBYTE
WEBHOOK = b"POST /webhooks/stripe HTTP/1.1\r\n" + HOST
INGEST = b"POST /billing/usage HTTP/1.1\r\n" + HOST
CLOSED = b"Connection: close\r\n"


def spooled_bytes(server) -> int:
    """Return how much of temporary files the workers hold, also of files without a name."""
    paths = [path for worker in server.workers() for path in Path(f"/proc/{worker}/fd").iterdir()]
    return sum(path.stat().st_size for path in paths if path.exists() and "(deleted)" in str(path.readlink()))


@pytest.mark.parametrize(
    ("request_head", "max_bytes"), [(WEBHOOK, 64 * KIBIBYTE), (INGEST, SIXTEEN_MEBIBYTES)]
)
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(server, request_head, max_bytes):
    length = b"Content-Length: %d\r\n\r\n"
    answer = server.client().send(request_head, length % (max_bytes + 1), b"x" * 1000).rest()
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert CLOSED in answer
    assert b"X-Request-Id: " in answer, "the portal refuses, with its words, headers and log"
    accepted = server.client().send(request_head, length % 3, b"{}x").answer()
    assert not accepted.startswith(b"HTTP/1.1 413")


def test_a_body_of_the_largest_size_is_read(server):
    body = b"x" * 64 * KIBIBYTE
    answer = server.client().send(WEBHOOK, b"Content-Length: %d\r\n\r\n" % len(body), body).answer()
    assert answer.startswith(b"HTTP/1.1 400"), "read, and its signature is missing"


def test_a_body_in_chunks_is_refused_once_it_is_too_large(server):
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    client = server.client().send(WEBHOOK, b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 4)
    assert client.answer().startswith(b"HTTP/1.1 413")
    assert client.rest() == b""


def test_a_client_that_sends_on_reads_the_refusal_and_nothing_is_spooled(server):
    client = server.client().send(WEBHOOK, b"Content-Length: 200000000\r\n\r\n")
    before = spooled_bytes(server)
    for _ in range(50):
        client.send(b"x" * 100_000)
    assert spooled_bytes(server) == before
    assert client.answer().startswith(b"HTTP/1.1 413")


def test_a_client_that_asks_whether_to_send_too_much_is_told_no(server):
    client = server.client().send(WEBHOOK, b"Expect: 100-continue\r\nContent-Length: 200000000\r\n\r\n")
    assert client.rest().startswith(b"HTTP/1.1 413")


def test_two_lengths_of_one_body_are_refused_and_the_connection_closed(server):
    smuggled = b"0\r\n\r\n" + LOGIN
    head = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.client().send(head, smuggled).rest()
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "head", [b"GET http://[/ HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n"]
)
def test_a_request_head_that_cannot_be_read_is_refused_and_no_error_of_ours(server, head):
    answer = server.client().send(head, HOST, b"\r\n").rest()
    assert b" 400 Bad Request" in answer
    assert b"uncaptured" not in server.log.read_bytes()


def test_an_urgent_byte_that_nobody_reads_keeps_no_loop_busy():
    clients, listening = Clients(), listening_at("127.0.0.1", 0)
    with closing(clients), listening, socket.create_connection(listening.getsockname()) as client:
        served, _ = listening.accept()
        dispatcher = wasyncore.dispatcher(served, clients)
        client.send(b"!", socket.MSG_OOB)
        select.select([], [], [served], SECONDS_MAX)
        woken = []
        dispatcher.handle_expt_event = lambda: woken.append("urgent")
        dispatcher.writable = lambda: False
        clients.wait(0)
        clients.wait(0)
        dispatcher.close()
    assert woken == []


def test_headers_without_an_end_are_refused(server):
    answer = server.client().send(b"GET /login HTTP/1.1\r\nX: ", b"x" * 40_000).rest()
    assert b" 431 " in answer.partition(b"\r\n")[0]


def test_each_view_with_a_limit_of_its_own_has_it_in_the_front_too(app):
    assert body_limits(app)["POST", "/billing/usage"] == SIXTEEN_MEBIBYTES


def test_only_so_many_large_bodies_arrive_at_once_and_the_next_is_told_to_wait(app, monkeypatch):
    """Nobody has yet been asked who sends them, and they lie on disk meanwhile."""
    monkeypatch.setattr(channel, "LARGE_BODIES_MAX", 2)
    large, small = (b"Content-Length: %d\r\n\r\n" % length for length in (1024 * KIBIBYTE, 2))
    with front_of(app) as front, ExitStack() as clients:
        first, *_ = [
            clients.enter_context(connected(front)).send(INGEST, large, b" " * 600 * KIBIBYTE)
            for _ in range(2)
        ]
        eventually(lambda: front.count_of_large_bodies() == 2)
        refused = clients.enter_context(connected(front)).send(INGEST, large).answer()
        assert refused.startswith(b"HTTP/1.1 503")
        assert (
            clients.enter_context(connected(front)).send(INGEST, small, b"[]").answer()[:12] != refused[:12]
        )
        first.send(b" " * 424 * KIBIBYTE).answer()
        eventually(lambda: front.count_of_large_bodies() == 1)


def test_a_client_that_is_silent_for_longest_makes_room_for_others(app, monkeypatch):
    monkeypatch.setattr(limits, "CONNECTIONS_MAX", 130)
    with front_of(app) as front, ExitStack() as many:
        silent = [many.enter_context(connected(front)) for _ in range(200)]
        assert b" 200 " in many.enter_context(connected(front)).send(LOGIN).answer()[:20]
        assert silent[0].rest() == b""


# -- proxies --------------------------------------------------------------------------------------------
@contextmanager
def front_of(app: Flask) -> Iterator[Front]:
    front = Front(app, listening_at("127.0.0.1", 0), threads=1)
    thread = threading.Thread(target=front.run)
    thread.start()
    try:
        yield front
    finally:
        front.drain_soon(1)
        thread.join()


@contextmanager
def connected(front: Front) -> Iterator[Client]:
    with socket.create_connection(("127.0.0.1", front.effective_port), timeout=10) as connection:
        yield Client(connection)


@contextmanager
def front_behind(proxies: int, var: Path) -> Iterator[Client]:
    """Yield a client of a front that says whom it takes the client for."""
    settings = replace(make_settings("sqlite://", NOWHERE, var), proxy_hops=proxies)
    app = create_app(settings)

    @app.get("/whom")
    @Policy(PUBLIC)
    def whom() -> str:
        return f"{request.remote_addr} {request.scheme} {request.host}"

    with front_of(app) as front, connected(front) as client:
        yield client


FORWARDED = (
    b"X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n"
    b"X-Forwarded-Proto: http, https\r\n"
    b"X-Forwarded-Host: evil.test\r\n"
    b"Forwarded: for=203.0.113.66;host=evil.test;proto=https\r\n"
)


@pytest.mark.parametrize(
    ("proxies", "believed"),
    [
        (0, b"127.0.0.1 http 127.0.0.1"),
        (1, b"198.51.100.7 https 127.0.0.1"),
        (2, b"203.0.113.9 http 127.0.0.1"),
        (3, b"127.0.0.1 http 127.0.0.1"),  # fewer than there are: somebody went round one of them
    ],
)
def test_exactly_the_proxies_of_ours_are_believed(proxies, believed, tmp_path):
    with front_behind(proxies, tmp_path) as client:
        answer = client.send(b"GET /whom HTTP/1.1\r\n", HOST, FORWARDED, b"\r\n").answer()
    assert answer.partition(b"\r\n\r\n")[2] == believed
