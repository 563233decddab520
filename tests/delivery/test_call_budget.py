import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.delivery.call_budget import SharedBudget
from portal.gateways.call_budget import MINUTE_MILLISECONDS, milliseconds_to_wait, recent
from portal.gateways.easybill import EasybillGateway
from portal.gateways.invoicing import InvoicingRateLimitedError
from portal.models import Delivery
from tests.delivery.rows import KEY, make_customer, make_invoice
from tests.factories import NOW
from tests.months import deliver
from tests.properties import examples


class Time:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> dt.datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def budget_of(app, time):
    """A budget as another process would have it: it shares nothing but the database."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    return lambda calls_per_minute: SharedBudget("easybill", url, calls_per_minute, time)


def test_all_processes_share_one_budget_of_easybill_calls(budget_of, time):
    first, second = budget_of(3), budget_of(3)
    assert [each.spend() for each in (first, second, first)] == [0, 0, 0]
    assert (first.spend(), second.spend()) == (60_000, 60_000)

    time.wait(59.999)
    assert second.spend() == 1
    time.wait(0.001)
    assert second.spend() == 0


def test_concurrent_workers_never_make_more_calls_than_the_budget(app, budget_of):
    budgets = [budget_of(10) for _ in range(4)]
    gate = threading.Barrier(4)

    def work(budget):
        gate.wait()
        return [budget.spend() for _ in range(6)]

    with ThreadPoolExecutor(4) as pool:
        waits = [wait for some in pool.map(work, budgets) for wait in some]
    assert waits.count(0) == 10


def test_a_pause_that_easybill_asks_for_holds_for_every_process(budget_of, time):
    first, second = budget_of(60), budget_of(60)
    first.pause(90)
    assert second.spend() == 90_000
    first.pause(30)
    assert second.spend() == 90_000, "the longer wish counts"
    time.wait(90)
    assert second.spend() == 0


def test_a_pause_of_the_call_budget_is_an_hour_at_most(budget_of, time):
    budget = budget_of(60)
    budget.pause(10**6)
    assert budget.spend() == 3_600_000


def test_a_clock_that_was_set_back_does_not_close_the_call_budget(budget_of, time):
    budget = budget_of(1)
    time.wait(86_400)
    budget.pause(60)
    assert budget.spend() == 60_000
    time.at = NOW
    assert budget.spend() == 0
    assert budget.spend() == 60_000


def test_a_call_beyond_the_budget_is_not_made(budget_of, sandboxes):
    gateway = EasybillGateway(KEY, f"{sandboxes.easybill_url}/rest/v1", budget=budget_of(1))
    gateway.customer_by_number("1")
    with pytest.raises(InvoicingRateLimitedError) as raised:
        EasybillGateway(KEY, "http://127.0.0.1:9", budget=budget_of(1)).customer_by_number("1")
    assert raised.value.retry_after_seconds == 60


@pytest.mark.parametrize("calls_per_minute", [10, 60])
def test_in_an_hour_of_deliveries_no_minute_has_more_calls_than_the_plan(
    budget_of, time, sandboxes, calls_per_minute
):
    invoices = [
        make_invoice(make_customer(f"Customer {number}"), ("production", "vm", "10", "0.5"))
        for number in range(12)
    ]
    made = []

    class Counting(SharedBudget):
        def spend(self):
            milliseconds = super().spend()
            if not milliseconds:
                made.append(time.at)
                time.wait(0.4)  # a call takes its time
            return milliseconds

    budget = budget_of(calls_per_minute)
    counting = Counting("easybill", budget._database_url, calls_per_minute, time)
    gateway = EasybillGateway(KEY, f"{sandboxes.easybill_url}/rest/v1", budget=counting)
    counts = deliver(gateway, now=NOW, wait=time.wait)

    assert counts.delivered == len(invoices)
    assert {each.delivery for each in invoices} == {Delivery.DELIVERED}
    assert {each.attempts for each in invoices} == {0}, "waiting for a turn is no failure"
    minute = dt.timedelta(minutes=1)
    busiest = max(sum(start <= at < start + minute for at in made) for start in made)
    assert busiest <= calls_per_minute
    assert time.at - NOW < dt.timedelta(hours=1)


@examples(100)
@given(
    st.lists(st.integers(0, 30_000), max_size=60).map(lambda gaps: [sum(gaps[:n]) for n in range(len(gaps))]),
    st.integers(1, 12),
)
def test_no_window_of_a_minute_overdraws_the_call_budget_whenever_calls_are_made(asked_at, calls_per_minute):
    made: list[int] = []
    for at in asked_at:
        calls = recent(made, at)
        if not milliseconds_to_wait(calls, 0, at, calls_per_minute):
            made.append(at)
    for start in made:
        window = [at for at in made if start <= at < start + MINUTE_MILLISECONDS]
        assert len(window) <= calls_per_minute
