"""The breaker: who fails often is left alone, then tried by one."""

import pytest

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.breaker import Breaker


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds) -> Breaker:
    return Breaker(seconds)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.enter()
        breaker.failed()


def test_four_failures_leave_the_breaker_closed(breaker):
    fail(breaker, 4)
    breaker.enter()
    assert not breaker.is_open


def test_five_failures_open_the_breaker(breaker):
    fail(breaker, 5)
    assert breaker.is_open
    with pytest.raises(ProviderUnavailableError):
        breaker.enter()


def test_failures_that_are_far_apart_do_not_open_the_breaker(breaker, seconds):
    for _ in range(9):
        fail(breaker, 1)
        seconds.now += 8
    assert not breaker.is_open


def test_a_success_makes_the_breaker_forget_failures(breaker):
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert not breaker.is_open


def test_after_a_pause_the_open_breaker_lets_a_single_caller_try(breaker, seconds):
    fail(breaker, 5)
    seconds.now += 10
    assert not breaker.is_open
    breaker.enter()
    with pytest.raises(ProviderUnavailableError):
        breaker.enter()


def test_the_caller_that_tries_closes_the_breaker_or_opens_it_again(breaker, seconds):
    fail(breaker, 5)
    seconds.now += 10
    fail(breaker, 1)
    with pytest.raises(ProviderUnavailableError):
        breaker.enter()
    seconds.now += 10
    breaker.enter()
    breaker.succeeded()
    breaker.enter()
    breaker.enter()
