"""The numbers of a process, and of several processes of one server."""

import os
import subprocess
import sys
from functools import cache

import pytest
from prometheus_client import generate_latest

from portal import instruments
from portal.config import ROOT
from portal.gateways.observing import CallOutcome

WORKER = """
import os, sys
import portal.app  # as a server's parent does, before it says where
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from portal.instruments import CountedCalls, count_request
from portal.gateways.observing import CallOutcome
if os.fork() == 0:
    count_request(route="/invoices", method="read", status=200, seconds=0.1)
    CountedCalls("stripe").rests(60)
    os._exit(0)
os.wait()
count_request(route="/invoices", method="read", status=200, seconds=0.1)
CountedCalls("stripe").called("attach", CallOutcome.ANSWERED, 0.3)
"""


def shown() -> list[str]:
    return generate_latest(instruments.registry()).decode().splitlines()


@pytest.fixture
def fresh(monkeypatch):
    """Counters that nothing was counted by yet."""
    monkeypatch.setattr(instruments, "instruments", cache(instruments.Instruments))


def test_a_request_and_a_call_are_counted(fresh):
    instruments.count_request(route="/invoices/<uuid:id>", method="read", status=404, seconds=0.07)
    instruments.CountedCalls("easybill").called("GET /documents/{id}", CallOutcome.UNAVAILABLE, 1.5)
    lines = shown()
    assert 'portal_requests_total{method="read",route="/invoices/<uuid:id>",status="404"} 1.0' in lines
    assert 'portal_request_seconds_bucket{le="0.1",method="read",route="/invoices/<uuid:id>"} 1.0' in lines
    labels = 'operation="GET /documents/{id}",outcome="unavailable",provider="easybill"'
    assert f"portal_provider_call_seconds_count{{{labels}}} 1.0" in lines


def test_the_numbers_of_several_processes_are_added_up(tmp_path, monkeypatch):
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", WORKER, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": ""},
            check=True,
            timeout=60,
        )
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    lines = shown()
    assert 'portal_requests_total{method="read",route="/invoices",status="200"} 4.0' in lines
    assert any(
        line.startswith("portal_provider_call_seconds_count{") and line.endswith(" 2.0") for line in lines
    )
    assert any(
        line.startswith('portal_provider_rests_until_timestamp_seconds{provider="stripe"}') for line in lines
    )


def test_a_full_disk_costs_a_number_and_not_the_answer(fresh, monkeypatch):
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(instruments, "instruments", full)
    instruments.count_request(route="/", method="read", status=200, seconds=0.1)
    instruments.CountedCalls("mail").called("send", CallOutcome.ANSWERED, 0.1)
    instruments.CountedCalls("mail").rests(10)
