"""What the sandbox remembers: idempotency keys, and everything across a restart."""

import pytest
import stripe

from portal.sandbox.stripe import create_app
from tests.sandbox.stripe_client import client_of, raw_call
from tests.sandbox.test_stripe import account, begin, confirm, events

KEY = {"idempotency_key": "customer-7"}


def test_the_same_idempotency_key_gives_the_same_answer(api, sandbox):
    first = api.customers.create({"email": "a@example.com"}, KEY)
    second = api.customers.create({"email": "a@example.com"}, KEY)
    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(api.customers.list().data) == 1
    assert events(api) == ["customer.created"]


def test_an_idempotency_key_with_other_parameters_is_an_error(api):
    api.customers.create({"email": "a@example.com"}, KEY)
    with pytest.raises(stripe.IdempotencyError) as refused:
        api.customers.create({"email": "b@example.com"}, KEY)
    assert refused.value.http_status == 400


def test_a_failed_validation_does_not_use_up_the_idempotency_key(api):
    with pytest.raises(stripe.InvalidRequestError):
        api.customers.create({"nickname": "a"}, KEY)
    assert api.customers.create({"email": "a@example.com"}, KEY).email == "a@example.com"


def test_a_decline_is_repeated_for_the_same_idempotency_key(api, customer):
    intent = begin(api, customer)
    given = {"payment_method": "pm_card_chargeDeclined", "return_url": "http://portal.test/"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            api.setup_intents.confirm(intent.id, given, KEY)
    assert refused.value.headers["Idempotent-Replayed"] == "true"
    assert events(api).count("setup_intent.setup_failed") == 1


def test_a_set_up_that_the_stripe_sandbox_refuses_leaves_no_event(api, customer):
    given = {"payment_method": "pm_card_visa", "confirm": True, "return_url": "ftp://portal.test/"}
    with pytest.raises(stripe.InvalidRequestError):
        begin(api, customer, **given)
    assert events(api) == ["customer.created"]


def test_objects_of_the_stripe_sandbox_survive_a_restart(tmp_path):
    before = create_app(tmp_path / "stripe.sqlite3")
    api, browser_api = client_of(before), client_of(before, "pk_test_sandbox")
    customer = api.customers.create({"email": "a@example.com"}, KEY)
    intent = begin(api, customer)
    method = account(browser_api, "DE89370400440532013000")
    confirm(browser_api, intent, method)
    detached = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.payment_methods.detach(detached.id)
    history = events(api)
    before.extensions["stripe_sandbox"].close()

    after = create_app(tmp_path / "stripe.sqlite3")
    api = client_of(after)
    assert events(api) == history
    assert api.customers.create({"email": "a@example.com"}, KEY).id == customer.id
    assert [each.id for each in api.customers.payment_methods.list(customer.id).data] == [method.id]
    settled = api.setup_intents.retrieve(intent.id, {"expand": ["mandate", "latest_attempt"]})
    assert (settled.mandate.status, settled.latest_attempt.status) == ("active", "succeeded")
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        api.payment_methods.attach(detached.id, {"customer": customer.id})
    after.extensions["stripe_sandbox"].close()


def test_no_card_number_of_the_stripe_sandbox_reaches_the_disk(tmp_path):
    app = create_app(tmp_path / "stripe.sqlite3")
    form = {
        "type": "card",
        "card[number]": "4242424242424242",
        "card[exp_month]": "12",
        "card[exp_year]": "50",
    }
    response, _ = raw_call(
        app,
        "POST",
        "/v1/payment_methods",
        key="pk_test_x",
        headers={"Idempotency-Key": "k"},
        **form,
        **{"card[cvc]": "123"},
    )
    assert response.status_code == 200
    app.extensions["stripe_sandbox"].close()
    assert not any(b"4242424242424242" in each.read_bytes() for each in tmp_path.iterdir())
