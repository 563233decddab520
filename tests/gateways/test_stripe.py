"""The gateway against the sandbox over HTTP, and against Stripe when a test key is in the environment."""

import os
import time
from uuid import uuid4

import pytest
import requests

from portal.domain.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentFailedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import CustomerMethods, Method, NewCustomer, SetupStatus
from tests.gateways.silence import silent_provider


@pytest.fixture(params=["sandbox", "stripe"])
def gateway(request, sandboxes) -> StripeGateway:
    if request.param == "sandbox":
        return StripeGateway("sk_test_sandbox", sandboxes.stripe_url, 5000)
    key = os.environ.get("STRIPE_TEST_SECRET_KEY")
    if not key:
        pytest.skip("STRIPE_TEST_SECRET_KEY is not set, so the real Stripe is not asked")
    return StripeGateway(key, "https://api.stripe.com", 20_000)


@pytest.fixture
def customer_id(gateway) -> str:
    return make_customer(gateway)


def make_customer(gateway: StripeGateway) -> str:
    who = newcomer()
    return gateway.create_customer(who, who.key)


def newcomer() -> NewCustomer:
    return NewCustomer(key=str(uuid4()), number="10001", name="Acme GmbH", email="billing@acme.example")


def test_the_same_stripe_customer_is_made_once(gateway):
    who = newcomer()
    made = gateway.create_customer(who, who.key)
    assert gateway.create_customer(who, who.key) == made
    assert make_customer(gateway) != made


def test_a_customer_may_have_no_address_for_mail(gateway):
    who = NewCustomer(key=str(uuid4()), number="10002", name="Acme GmbH", email=None)
    assert gateway.create_customer(who, who.key).startswith("cus_")


def test_a_set_up_at_stripe_begins_unfinished(gateway, customer_id):
    client_secret = gateway.begin_setup(customer_id)
    setup = gateway.setup_of(client_secret.partition("_secret_")[0])
    assert (setup.customer_id, setup.status, setup.method) == (customer_id, SetupStatus.UNFINISHED, None)


def test_the_same_idempotency_key_is_the_same_set_up(gateway, customer_id):
    key = str(uuid4())
    assert gateway.begin_setup(customer_id, key) == gateway.begin_setup(customer_id, key)


def test_an_attached_card_is_described(gateway, customer_id):
    method = gateway.attach(customer_id=customer_id, method_id="pm_card_visa")
    assert method == Method(
        id=method.id,
        customer_id=customer_id,
        payment_type="card",
        brand="visa",
        last4="4242",
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        country="US",
        fingerprint=method.fingerprint,
        created_at=method.created_at,
    )
    assert gateway.method_of(method.id) == method
    assert gateway.attach(customer_id=customer_id, method_id=method.id) == method


def test_the_payment_methods_of_a_customer_are_all_methods_and_the_default(gateway, customer_id):
    assert gateway.methods_of(customer_id) == CustomerMethods(methods=(), default_id=None, is_deleted=False)
    methods = {
        gateway.attach(customer_id=customer_id, method_id=each)
        for each in ("pm_card_visa", "pm_card_mastercard")
    }
    chosen = min(method.id for method in methods)
    gateway.make_default(customer_id=customer_id, method_id=chosen)
    wallet = gateway.methods_of(customer_id)
    assert (set(wallet.methods), wallet.default_id) == (methods, chosen)


def test_a_detached_method_has_no_customer_and_never_comes_back(gateway, customer_id):
    method = gateway.attach(customer_id=customer_id, method_id="pm_card_visa")
    gateway.detach(method.id)
    gateway.detach(method.id)  # asking again is no error
    assert gateway.method_of(method.id).customer_id is None
    with pytest.raises(ConflictError, match="add it anew"):
        gateway.attach(customer_id=customer_id, method_id=method.id)


def test_the_payment_method_of_another_customer_is_refused_like_an_unknown_one(gateway, customer_id):
    other = make_customer(gateway)
    method = gateway.attach(customer_id=other, method_id="pm_card_visa")
    with pytest.raises(NotFoundError):
        gateway.attach(customer_id=customer_id, method_id=method.id)


def test_a_payment_method_that_stripe_does_not_have_is_not_found(gateway, customer_id):
    with pytest.raises(NotFoundError, match="no such payment method"):
        gateway.method_of("pm_unknown")
    with pytest.raises(NotFoundError, match="no such payment method"):
        gateway.attach(customer_id=customer_id, method_id="pm_unknown")
    with pytest.raises(NotFoundError, match="no such payment method"):
        gateway.make_default(customer_id=customer_id, method_id="pm_unknown")
    with pytest.raises(NotFoundError, match="no such set-up"):
        gateway.setup_of("seti_unknown")
    gateway.detach("pm_unknown")


def test_a_customer_missing_at_stripe_is_an_error_of_the_portal_not_of_the_caller(gateway):
    with pytest.raises(ProviderRefusedError):
        gateway.begin_setup("cus_unknown")


def test_a_decline_has_stripes_sentence_for_the_customer(gateway, customer_id):
    with pytest.raises(PaymentFailedError, match=r"^Your card was declined\.$"):
        gateway.attach(customer_id=customer_id, method_id="pm_card_chargeDeclined")


def test_a_wrong_stripe_key_is_refused_and_never_logged(sandboxes, caplog):
    gateway = StripeGateway("no_key_at_all_0123456789", sandboxes.stripe_url, 5000)
    with pytest.raises(ProviderRefusedError):
        make_customer(gateway)
    assert "0123456789" not in caplog.text
    assert [record.message for record in caplog.records] == ["stripe refused"]


def test_no_secret_of_stripe_is_logged(sandboxes, caplog):
    caplog.set_level("DEBUG")
    gateway = StripeGateway("sk_test_sandbox", sandboxes.stripe_url, 5000)
    client_secret = gateway.begin_setup(make_customer(gateway))
    assert client_secret not in caplog.text


def test_a_silent_stripe_is_given_up_at_the_deadline():
    with silent_provider() as url:
        gateway = StripeGateway("sk_test_sandbox", url, 300)
        gateway._api.client  # noqa: B018 - the package's import is not what is measured
        started = time.monotonic()
        with pytest.raises(ProviderUnavailableError):
            gateway.setup_of("seti_1")
        with pytest.raises(OutcomeUnknownError):
            gateway.detach("pm_1")
        assert time.monotonic() - started < 3


def test_a_stripe_that_is_down_is_unavailable(unused_port):
    gateway = StripeGateway("sk_test_sandbox", f"http://127.0.0.1:{unused_port}", 5000)
    with pytest.raises(ProviderUnavailableError):
        gateway.begin_setup("cus_1")


@pytest.fixture
def unused_port() -> int:
    with silent_provider() as url:
        port = int(url.rpartition(":")[2])
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}", timeout=1)
    return port
