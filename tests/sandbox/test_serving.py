"""`python -m portal.sandbox` as the demo starts it: a process of its own on loopback ports."""

import signal
import socket
import subprocess
import sys

import pytest
import requests
import stripe

WAIT_SECONDS = 30


def free_ports(count):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


@pytest.fixture
def start(tmp_path):
    """Start the sandboxes on their ports and wait until they say that they listen."""
    started = []

    def start_once(ports, *options):
        command = [sys.executable, "-m", "portal.sandbox", "--state", str(tmp_path / "state"), *options]
        command += ["--stripe-port", str(ports[0]), "--easybill-port", str(ports[1])]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start_once
    for process in started:
        with process:
            process.kill()


def client_at(port):
    address = f"http://127.0.0.1:{port}"
    return stripe.StripeClient("sk_test_sandbox", base_addresses={"api": address}).v1


def test_a_sandbox_killed_at_any_time_loses_nothing_that_was_answered(start):
    ports = free_ports(2)
    process = start(ports)
    created = [client_at(ports[0]).customers.create({"email": f"{n}@example.com"}).id for n in range(5)]
    process.kill()
    process.wait(WAIT_SECONDS)
    start(ports)
    assert [each.id for each in client_at(ports[0]).customers.list().data] == created[::-1]


def test_the_sandbox_ends_with_its_parent(start):
    process = start(free_ports(2), "--exit-with-stdin")
    process.stdin.close()
    assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_ends_cleanly_on_a_signal(start, number):
    process = start(free_ports(2))
    process.send_signal(number)
    assert process.wait(WAIT_SECONDS) == 0


def test_the_sandbox_listens_on_loopback_alone(start):
    ports = free_ports(2)
    start(ports)
    for port in ports:
        with socket.create_connection(("127.0.0.1", port)) as reached:
            assert reached.getpeername()[0] == "127.0.0.1"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port))


def test_the_easybill_sandbox_may_have_the_call_budget_of_the_real_plans(start):
    ports = free_ports(2)
    start(ports, "--easybill-calls-per-minute", "3")
    headers = {"Authorization": "Bearer easybill-sandbox"}
    url = f"http://127.0.0.1:{ports[1]}/rest/v1/documents"
    assert [requests.get(url, headers=headers, timeout=10).status_code for _ in range(4)] == [200] * 3 + [429]
