"""The gateway when EasyBill fails: in time, within four worker slots, and left alone while it is down."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.domain.errors import ProviderRefusedError
from portal.gateways.breaker import Breaker
from portal.gateways.call_budget import Budget
from portal.gateways.deadline import WORKER_SLOTS
from portal.gateways.easybill import EasybillGateway
from portal.gateways.invoicing import InvoicingRateLimitedError, InvoicingUnavailableError
from tests.delivery.rows import KEY
from tests.gateways.faults import MODES, Faults, faults_before
from tests.gateways.silence import silent_provider
from tests.gateways.test_breaker import Seconds

_SECONDS = 1


class CountingBudget(Budget):
    spent = 0

    def spend(self) -> int:
        self.spent += 1
        return 0


@pytest.fixture
def faults(sandboxes) -> Iterator[Faults]:
    with faults_before(sandboxes.easybill_url) as faults:
        yield faults


@pytest.fixture
def budget() -> CountingBudget:
    return CountingBudget()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def gateway(faults, budget, seconds) -> EasybillGateway:
    gateway = EasybillGateway(KEY, f"{faults.url}/rest/v1", _SECONDS, budget)
    gateway._easybill._breaker = Breaker(seconds)
    return gateway


def fail(gateway: EasybillGateway, times: int) -> None:
    for _ in range(times):
        with pytest.raises(InvoicingUnavailableError):
            gateway.customer_by_number("1")


@pytest.mark.parametrize("mode", MODES)
def test_every_fault_of_easybill_ends_in_time_and_in_our_words(gateway, faults, mode):
    faults.fail(mode)
    started = time.monotonic()
    with pytest.raises(InvoicingUnavailableError):
        gateway.document_of("1")
    assert time.monotonic() - started < _SECONDS + 1


@pytest.mark.parametrize("mode", ["slow", "drip", "black hole"])
def test_a_call_that_easybill_keeps_waiting_leaves_no_worker_busy(gateway, faults, mode):
    faults.fail(mode)
    with ThreadPoolExecutor(WORKER_SLOTS) as callers:
        list(callers.map(lambda _: fail(gateway, 1), range(WORKER_SLOTS)))
    faults.mode = None  # EasyBill answers again; what hung there hangs on
    assert gateway.document_of("999999999999") is None


def test_a_proxy_that_keeps_calls_to_easybill_waiting_leaves_no_worker_busy(gateway, faults, monkeypatch):
    faults.fail("drip")
    with monkeypatch.context() as environment:
        environment.setenv("http_proxy", faults.url)
        environment.setenv("no_proxy", "")
        with ThreadPoolExecutor(WORKER_SLOTS) as callers:
            list(callers.map(lambda _: fail(gateway, 1), range(WORKER_SLOTS)))
    faults.mode = None
    assert gateway.document_of("999999999999") is None


def test_an_outage_of_easybill_holds_at_most_four_threads():
    before = threading.active_count()
    with silent_provider() as url, ThreadPoolExecutor(12) as callers:
        gateway = EasybillGateway(KEY, f"{url}/rest/v1", _SECONDS)
        started = time.monotonic()
        list(callers.map(lambda _: fail(gateway, 1), range(12)))
        assert time.monotonic() - started < _SECONDS + 1
        assert threading.active_count() - before <= 12 + 1 + WORKER_SLOTS  # callers, the provider, workers


@pytest.mark.parametrize("mode", ["refused", "reset", "500"])
def test_while_easybill_is_down_calls_cost_neither_time_nor_budget(gateway, faults, budget, mode):
    faults.fail(mode)
    fail(gateway, 5)
    assert budget.spent == 5
    fail(gateway, 20)
    assert budget.spent == 5


def test_after_a_pause_one_call_finds_out_that_easybill_is_back(gateway, faults, seconds):
    faults.fail("500")
    fail(gateway, 5)
    faults.recover()
    fail(gateway, 1)
    seconds.now += 10
    assert gateway.document_of("999999999999") is None
    assert gateway.document_of("999999999999") is None


def test_a_lasting_outage_of_easybill_is_met_by_one_call_in_ten_seconds(gateway, faults, budget, seconds):
    faults.fail("500")
    fail(gateway, 5)
    for _ in range(3):
        seconds.now += 10
        fail(gateway, 4)
    assert budget.spent == 5 + 3


def test_a_rate_limit_of_easybill_is_no_outage(gateway, faults, budget):
    faults.fail("429")
    for _ in range(9):
        with pytest.raises(InvoicingRateLimitedError):
            gateway.customer_by_number("1")
    assert budget.spent == 9


def test_a_refusal_of_easybill_is_no_outage(gateway, budget):
    for _ in range(9):
        with pytest.raises(ProviderRefusedError):
            gateway.pdf_of("999999999999")
    assert budget.spent == 9


def test_a_budget_that_is_used_up_says_nothing_about_easybill(gateway, faults, budget, seconds, monkeypatch):
    """A call that was never made must not end the pause of a provider that is down."""
    faults.fail("500")
    fail(gateway, 5)
    seconds.now += 10
    monkeypatch.setattr(budget, "spend", lambda: 30_000)
    with pytest.raises(InvoicingRateLimitedError):
        gateway.customer_by_number("1")
    assert gateway._easybill._breaker.is_open
