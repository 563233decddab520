"""The documented start behind the documented proxy, attacked from outside and restarted under load."""

import contextlib
import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories import PASSWORD
from tests.production.bed import ADA, BOB
from tests.production.front import HOST
from tests.production.load import load
from tests.security.sizes import sized

pytestmark = pytest.mark.timeout(300)
_UNFINISHED = f"POST /login HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nlogin=".encode()


def test_staging_says_so_and_its_cookie_is_for_https_alone(bed):
    visitor = bed.visitor()
    answer = visitor.ask("/login")
    assert "<strong>Staging.</strong>" in answer.text
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert "; Secure" in cookie
    assert answer.headers["Strict-Transport-Security"]
    assert bed.visitor().ask("/readyz").status == 200


# -- forged requests ------------------------------------------------------------------------------------
FORGERIES = {
    "from a page of others": {"referer": "https://evil.test/"},
    "from a page that only looks like ours": {"referer": f"https://{HOST}.evil.test/"},
    "from a page without https": {"referer": f"http://{HOST}/"},
    "from nowhere": {"referer": None},
    "from the origin of others": {"origin": "https://evil.test", "site": None},
    "from an opaque origin": {"origin": "null", "site": None},
    "from another site, as the browser says": {"site": "cross-site"},
    "from a neighbour's site, as the browser says": {"site": "same-site"},
}


def test_a_form_with_a_right_token_is_refused_when_it_comes_from_elsewhere(bed):
    ada = bed.visitor("127.0.0.11")
    assert ada.sign_in(ADA, PASSWORD) == 303
    ada.page("/account")
    for forgery, headers in FORGERIES.items():
        assert ada.submit("/account", {"theme": "dark"}, **headers).status == 400, forgery
    for headers in ({}, {"origin": None}, {"site": None}, {"origin": None, "site": None}):
        assert ada.submit("/account", {"theme": "system"}, **headers).status == 303


def test_the_portal_answers_to_its_own_name_alone(bed):
    visitor = bed.visitor()
    with pytest.raises(http.client.HTTPException):  # nginx hangs up
        visitor.ask("/login", Host="evil.test")
    for port in bed.ports:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/login", headers={"Host": "evil.test"})
            answer = connection.getresponse()
            assert (answer.status, b"evil.test" in answer.read()) == (400, False)


# -- guessing -------------------------------------------------------------------------------------------
def test_strangers_who_guess_from_many_networks_shut_nobody_out(bed):
    stranger = bed.visitor("127.0.2.1")
    stranger.page("/login")
    for place in range(20):
        each = bed.visitor(f"127.0.2.{place + 1}")
        each.cookies, each.csrf_token = stranger.cookies, stranger.csrf_token
        assert each.sign_in(f"stranger{place}@example.org", "a wrong password") == 422
    assert bed.visitor("127.0.1.1").sign_in(ADA, PASSWORD) == 303


def test_an_address_that_a_client_claims_is_not_believed(bed):
    guesser = bed.visitor("127.0.3.1")
    for place in range(20):
        claimed = {"X_Forwarded_For": f"203.0.113.{place}", "Forwarded": f"for=203.0.113.{place}"}
        assert guesser.sign_in(f"nobody{place}@example.org", "a wrong password", **claimed) == 422
    refused = guesser.sign_in(BOB, PASSWORD, X_Forwarded_For="203.0.113.99")
    assert refused == 422, "the network that guesses is counted, whatever it claims"
    victim = bed.visitor("127.0.4.1")
    assert victim.sign_in(BOB, PASSWORD) == 303, "nobody else is"
    assert "127.0.4.1" in victim.page("/account"), "a session names the address that it is used from"


# -- much and slow --------------------------------------------------------------------------------------
def test_a_body_that_is_too_large_is_refused_before_it_is_kept(bed):
    for ask in (_through_the_proxy, _at_the_port):
        assert ask(bed, "/webhooks/stripe", 200_000_000) == 413
        assert ask(bed, "/login", 70_000) == 413
    assert _at_the_port(bed, "/billing/usage", 17 * 1024 * 1024) == 413
    assert bed.kept_bytes() < 1024 * 1024


def _through_the_proxy(bed, path, length):
    visitor = bed.visitor()
    visitor.connection.connect()
    return _begin(visitor.connection.sock, path, length)


def _at_the_port(bed, path, length):
    with socket.create_connection(("127.0.0.1", bed.ports[0]), timeout=20) as plain:
        return _begin(plain, path, length)


def _begin(plain, path, length):
    """Announce a body and send its beginning, and return the status that comes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {length}"
    )
    plain.sendall(f"{head}\r\n\r\n".encode() + b" " * 60_000)
    return int(plain.recv(4096).split()[1])


def test_slow_clients_at_the_servers_own_port_keep_nobody_waiting(bed, proves):
    count = sized(150, 500)
    with contextlib.ExitStack() as slow:
        for place in range(count):
            client = socket.create_connection(("127.0.0.1", bed.ports[0]), timeout=20)
            slow.enter_context(client)
            client.sendall(_UNFINISHED if place % 2 else b"")
        seconds = []
        for _ in range(10):
            started = time.perf_counter()
            assert bed.status(bed.ports[0], "/login") == 200
            seconds.append(time.perf_counter() - started)
    middle = sorted(seconds)[len(seconds) // 2]
    assert middle < 0.5
    proves(f"S22 {count} slow or idle clients at the server's port: a page in {middle * 1000:.0f} ms")


# -- restarts -------------------------------------------------------------------------------------------
def test_a_rolling_restart_loses_no_request(bed, proves):
    count = sized(3, 8)
    visitors = [bed.visitor(f"127.0.5.{place + 1}") for place in range(count)]
    with ThreadPoolExecutor(count) as pool:
        assert set(pool.map(lambda each: each.sign_in(ADA, PASSWORD), visitors)) == {303}
    with load(visitors, use_the_portal) as running:
        for port in bed.ports[: sized(1, 2)]:
            assert bed.stop_web(port) == 0
            running.go_on(2 * count)
            bed.start_web(port)
            bed.wait_for_web(port)
            running.go_on(2 * count)
    assert set(running.counts) == {"200", "303"}, running.counts
    proves(f"S26 a rolling restart under {count} clients: {running.counts.total()} answers, none lost")


def use_the_portal(visitor):
    """Look and change something in turn, as a person does."""
    visitor.turns = getattr(visitor, "turns", 0) + 1
    if visitor.turns % 4:
        return visitor.ask(("/", "/billing/usage", "/account")[visitor.turns % 3]).status
    answer = visitor.submit("/account", {"theme": "system"})
    return answer.status
