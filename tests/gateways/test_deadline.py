"""The deadline: no call takes longer than it may, however its library counts."""

import socket
import threading
import time

import pytest

from portal.domain.errors import OutcomeUnknownError, ProviderUnavailableError
from portal.gateways.deadline import Call, Deadline


@pytest.fixture
def gate():
    """Something that is waited for; open when the test ends, so that no thread stays."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_an_answer_within_the_deadline_is_returned():
    assert Deadline("test", 5000).ask(lambda: 42, is_repeatable=True) == 42


def test_the_error_of_a_call_with_a_deadline_is_raised():
    with pytest.raises(ZeroDivisionError):
        Deadline("test", 5000).ask(lambda: 1 // 0, is_repeatable=True)


@pytest.mark.parametrize(
    ("is_repeatable", "error"), [(True, ProviderUnavailableError), (False, OutcomeUnknownError)]
)
def test_a_call_that_takes_longer_than_its_deadline_is_given_up(gate, is_repeatable, error):
    started = time.monotonic()
    with pytest.raises(ProviderUnavailableError) as given_up:
        Deadline("test", 100).ask(gate.wait, is_repeatable=is_repeatable)
    assert type(given_up.value) is error
    assert 0.1 <= time.monotonic() - started < 2


def test_four_slow_calls_hold_up_only_callers_of_the_same_provider(gate):
    slow, other = Deadline("slow", 100), Deadline("other", 5000)
    for _ in range(4):
        with pytest.raises(ProviderUnavailableError):
            slow.ask(gate.wait, is_repeatable=True)
    has_begun = threading.Event()
    with pytest.raises(ProviderUnavailableError) as refused:
        slow.ask(has_begun.set, is_repeatable=False)
    assert type(refused.value) is ProviderUnavailableError  # it never began, so its outcome is known
    assert other.ask(lambda: "fine", is_repeatable=True) == "fine"
    gate.set()
    assert slow.ask(lambda: "recovered", is_repeatable=True) == "recovered"
    assert not has_begun.is_set()


def test_a_call_that_was_given_up_while_it_connected_waits_for_no_answer():
    call = Call(time.monotonic() + 60)
    call.abort()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        call.wait_on(ours)
        assert ours.recv(1) == b""


def test_all_calls_of_one_scope_have_one_deadline(gate):
    deadline = Deadline("test", 200)
    started = time.monotonic()
    with deadline.scope():
        for _ in range(3):
            with pytest.raises(ProviderUnavailableError):
                deadline.ask(gate.wait, is_repeatable=True)
    assert time.monotonic() - started < 1
    assert deadline.ask(lambda: "afterwards", is_repeatable=True) == "afterwards"


def test_a_call_after_the_deadline_is_never_begun(gate):
    deadline, has_begun = Deadline("test", 100), threading.Event()
    with deadline.scope():
        with pytest.raises(OutcomeUnknownError):
            deadline.ask(gate.wait, is_repeatable=False)
        with pytest.raises(ProviderUnavailableError) as refused:
            deadline.ask(has_begun.set, is_repeatable=False)
    assert type(refused.value) is ProviderUnavailableError
    assert not has_begun.is_set()
