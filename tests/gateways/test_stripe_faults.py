"""The gateway when Stripe fails: in time, in our words, and without losing a worker slot to it."""

import time
from collections.abc import Iterator

import pytest

from portal.domain.errors import OutcomeUnknownError, ProviderUnavailableError
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import NewCustomer
from tests.gateways.faults import MODES, Faults, faults_before

_SECONDS = 0.4
_NEWCOMER = NewCustomer(key="faults", number="1", name="Acme", email=None)


@pytest.fixture
def faults(sandboxes) -> Iterator[Faults]:
    with faults_before(sandboxes.stripe_url) as faults:
        yield faults


@pytest.fixture
def gateway(faults) -> StripeGateway:
    gateway = StripeGateway("sk_test_sandbox", faults.url, int(_SECONDS * 1000))
    gateway._api.client  # noqa: B018 - the package's import is not what is measured
    return gateway


@pytest.mark.parametrize("mode", MODES)
def test_every_fault_of_stripe_ends_in_time_and_in_our_words(gateway, faults, mode):
    faults.fail(mode)
    started = time.monotonic()
    with pytest.raises(ProviderUnavailableError):
        gateway.method_of("pm_1")
    with pytest.raises(ProviderUnavailableError):
        gateway.detach("pm_1")
    assert time.monotonic() - started < 2 * _SECONDS + 2


@pytest.mark.parametrize("mode", ["reset", "slow", "drip", "500", "garbage", "black hole"])
def test_a_change_at_stripe_without_an_answer_has_an_unknown_outcome(gateway, faults, mode):
    faults.fail(mode)
    with pytest.raises(OutcomeUnknownError, match="being checked"):
        gateway.detach("pm_1")


@pytest.mark.parametrize("mode", ["slow", "drip", "black hole"])
def test_a_call_to_stripe_that_is_given_up_frees_its_worker_slot(gateway, faults, mode):
    customer_id = gateway.create_customer(_NEWCOMER, f"slots {mode}")
    faults.fail(mode)
    for _ in range(4):
        with pytest.raises(ProviderUnavailableError):
            gateway.method_of("pm_1")
    faults.mode = None  # the provider answers again; what hung in it hangs on
    assert gateway.methods_of(customer_id).methods == ()


def test_a_breaker_spares_a_stripe_that_is_down(gateway, faults):
    faults.fail("refused")
    for _ in range(5):
        with pytest.raises(ProviderUnavailableError):
            gateway.method_of("pm_1")
    assert not gateway.is_answering
    with pytest.raises(ProviderUnavailableError) as refused:
        gateway.detach("pm_1")
    assert type(refused.value) is ProviderUnavailableError  # it was not even tried


def test_a_call_to_stripe_whose_answer_was_lost_is_repeated_with_the_same_key(sandboxes, monkeypatch):
    with faults_before(sandboxes.stripe_url) as faults:
        gateway = StripeGateway("sk_test_sandbox", faults.url, 5000)
        passed_on, answers = faults._pass_on, []

        def lose_the_first_answer(client, request) -> None:
            answers.append(request)
            if len(answers) > 1:
                passed_on(client, request)
                return
            with faults_before(sandboxes.stripe_url) as sink:
                sink._pass_on(_Nowhere(), request)

        monkeypatch.setattr(faults, "_pass_on", lose_the_first_answer)
        made = gateway.create_customer(_NEWCOMER, "lost answer")
        keys = {_key_of(each) for each in answers}
        assert (len(answers), len(keys)) == (2, 1)
        assert gateway.create_customer(_NEWCOMER, "lost answer") == made


class _Nowhere:
    def sendall(self, data: bytes) -> None:
        del data


def _key_of(request: bytes) -> bytes:
    lines = request.split(b"\r\n")
    return next(each for each in lines if each.lower().startswith(b"idempotency-key"))
