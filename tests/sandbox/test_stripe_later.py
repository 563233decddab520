"""What a bank says later: a set-up that waits and then succeeds or fails, a mandate that ends."""

import pytest

from portal.sandbox.stripe import create_app
from tests.sandbox.stripe_client import client_of, raw_call
from tests.sandbox.test_stripe import account, begin, confirm, events

SETTLES_LATE = "DE08370400440532013003"
FAILS_LATE = "DE78370400440532013004"
LOSES_ITS_MANDATE = "DE62370400440532013001"


@pytest.fixture
def let_time_pass(sandbox):
    def pass_time():
        response, answer = raw_call(sandbox, "POST", "/v1/sandbox/later")
        assert response.status_code == 200, answer
        return [each["deed"] for each in answer["data"]]

    return pass_time


@pytest.fixture
def processing(api, browser_api, customer):
    def set_up(iban):
        intent = begin(api, customer)
        confirm(browser_api, intent, account(browser_api, iban))
        return api.setup_intents.retrieve(intent.id, {"expand": ["latest_attempt", "mandate"]})

    return set_up


def test_a_bank_that_takes_its_time_lets_the_set_up_wait(api, processing, customer, let_time_pass):
    intent = processing(SETTLES_LATE)
    assert (intent.status, intent.latest_attempt.status, intent.mandate.status) == (
        "processing",
        "processing",
        "pending",
    )
    assert api.customers.payment_methods.list(customer.id).data == []
    assert let_time_pass() == ["settle"]
    settled = api.setup_intents.retrieve(intent.id, {"expand": ["mandate"]})
    assert (settled.status, settled.mandate.id, settled.mandate.status) == (
        "succeeded",
        intent.mandate.id,
        "active",
    )
    (method,) = api.customers.payment_methods.list(customer.id).data
    assert method.id == intent.payment_method
    assert events(api)[-3:] == ["mandate.updated", "payment_method.attached", "setup_intent.succeeded"]
    assert api.events.list({"limit": 1}).data[0].request.id is None
    assert let_time_pass() == []


def test_a_bank_may_refuse_a_set_up_days_later(api, processing, customer, let_time_pass):
    intent = processing(FAILS_LATE)
    assert intent.status == "processing"
    let_time_pass()
    failed = api.setup_intents.retrieve(intent.id)
    assert (failed.status, failed.last_setup_error.code) == (
        "requires_payment_method",
        "setup_attempt_failed",
    )
    assert api.mandates.retrieve(intent.mandate.id).status == "inactive"
    assert api.customers.payment_methods.list(customer.id).data == []
    assert events(api)[-2:] == ["mandate.updated", "setup_intent.setup_failed"]


def test_a_mandate_may_end_days_after_it_was_set_up(api, processing, customer, let_time_pass):
    intent = processing(LOSES_ITS_MANDATE)
    assert (intent.status, intent.mandate.status) == ("succeeded", "active")
    let_time_pass()
    assert api.mandates.retrieve(intent.mandate.id).status == "inactive"
    (told,) = api.events.list({"type": "mandate.updated"}).data
    assert (told.data.object.status, told.data.previous_attributes["status"]) == ("inactive", "active")
    assert len(api.customers.payment_methods.list(customer.id).data) == 1, "the method itself stays"


def test_the_set_up_of_a_deleted_customer_fails_when_the_bank_answers(
    api, processing, customer, let_time_pass
):
    intent = processing(SETTLES_LATE)
    api.customers.delete(customer.id)
    let_time_pass()
    assert api.setup_intents.retrieve(intent.id).status == "requires_payment_method"


def test_the_late_answer_of_a_bank_comes_by_itself_and_after_a_restart(tmp_path):
    state = tmp_path / "stripe.sqlite3"
    before = create_app(state, late_seconds=0.05)
    api, browser_api = client_of(before), client_of(before, "pk_test_sandbox")
    intent = begin(api, api.customers.create())
    before.extensions["stripe_sandbox"].later.stop()
    confirm(browser_api, intent, account(browser_api, SETTLES_LATE))
    before.extensions["stripe_sandbox"].courier.stop()
    before.extensions["stripe_sandbox"].store.close()

    after = create_app(state)
    api = client_of(after)
    for _ in range(10_000):
        if api.setup_intents.retrieve(intent.id).status == "succeeded":
            break
    assert api.setup_intents.retrieve(intent.id).status == "succeeded"
    after.extensions["stripe_sandbox"].close()
