"""Rehearsed faults, over a real connection: what the caller sees, and what was done nevertheless."""

import threading
import time

import pytest
import requests
import stripe

KEY = {"Authorization": "Bearer sk_test_sandbox"}
LEVER = "/v1/sandbox/faults"
WAIT_SECONDS = 10


def throw(address, kind, **switch):
    answer = requests.post(address + LEVER, data={"kind": kind, **switch}, headers=KEY, timeout=WAIT_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def lift(address):
    requests.delete(address + LEVER, headers=KEY, timeout=WAIT_SECONDS)


def create(address, *, timeout=WAIT_SECONDS, key=None, email="a@example.com"):
    headers = KEY | ({"Idempotency-Key": key} if key else {})
    return requests.post(f"{address}/v1/customers", data={"email": email}, headers=headers, timeout=timeout)


def count(api):
    return len(api.customers.list().data)


@pytest.mark.parametrize(
    ("kind", "status", "error_type", "done"),
    [
        ("rate_limited", 429, "invalid_request_error", 0),
        ("failed", 500, "api_error", 0),
        ("failed_after", 500, "api_error", 1),
    ],
)
def test_a_rehearsed_refusal_of_stripe_has_stripes_status_and_error_type(
    address, api, kind, status, error_type, done
):
    throw(address, kind)
    answer = create(address)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, error_type)
    assert count(api) == done
    assert create(address).status_code == 200, "a fault is used up"


def test_a_rehearsed_rate_limit_of_stripe_is_understood_by_the_sdk(address, api):
    throw(address, "rate_limited", times=3)
    client = stripe.StripeClient("sk_test_sandbox", base_addresses={"api": address}).v1
    with pytest.raises(stripe.RateLimitError) as refused:
        client.customers.create()
    assert refused.value.json_body["error"]["code"] == "rate_limit"


@pytest.mark.parametrize(("kind", "done"), [("reset", 0), ("cut", 1)])
def test_a_rehearsed_connection_to_stripe_breaks_before_or_within_the_answer(address, api, kind, done):
    throw(address, kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        create(address)
    assert count(api) == done


def test_a_lost_answer_of_the_stripe_sandbox_is_found_with_the_same_key(address, api):
    throw(address, "lost", seconds=WAIT_SECONDS)
    with pytest.raises(requests.ReadTimeout):
        create(address, key="k", timeout=0.2)
    assert count(api) == 1
    answer = create(address, key="k")
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert answer.json()["id"] == api.customers.list().data[0].id


def test_silence_of_the_stripe_sandbox_ends_without_an_answer(address):
    throw(address, "lost", seconds="0.01")
    with pytest.raises(requests.ConnectionError):
        create(address)


def test_the_sdk_makes_one_stripe_customer_through_a_lost_answer_and_a_500(address, api):
    throw(address, "lost", seconds="0.01", method="POST")
    throw(address, "failed", method="POST")
    client = stripe.StripeClient("sk_test_sandbox", base_addresses={"api": address}, max_network_retries=2).v1
    customer = client.customers.create({"email": "a@example.com"})
    assert [each.id for each in api.customers.list().data] == [customer.id]


def test_a_500_of_stripe_after_the_change_is_repeated_for_the_same_key(address, api):
    throw(address, "failed_after")
    assert [create(address, key="k").status_code for _ in range(2)] == [500, 500]
    assert count(api) == 1


def test_a_slow_answer_of_the_stripe_sandbox_is_the_right_answer(address):
    throw(address, "slow", seconds="0.3")
    started = time.monotonic()
    assert create(address).json()["object"] == "customer"
    assert time.monotonic() - started >= 0.3


def test_a_dripping_answer_of_the_stripe_sandbox_is_whole_in_the_end(address):
    throw(address, "drip", seconds="0")
    assert create(address).json()["object"] == "customer"
    throw(address, "drip", seconds=WAIT_SECONDS)
    answer = requests.get(f"{address}/v1/customers", headers=KEY, stream=True, timeout=WAIT_SECONDS)
    first = next(answer.iter_content(1))
    assert first == b"{", "each byte comes alone"
    lift(address)
    assert answer.content.endswith(b"}")


def test_a_garbled_answer_of_the_stripe_sandbox_is_no_json(address, api):
    throw(address, "garbled")
    answer = create(address)
    assert answer.status_code == 200
    assert answer.text.startswith("<!doctype html>")
    assert count(api) == 0


def test_a_fault_of_the_stripe_sandbox_meets_only_the_calls_that_it_names(address):
    throw(address, "failed", method="POST", path="/v1/setup_intents*", times=2)
    throw(address, "failed", caller="browser")
    assert create(address).status_code == 200
    refused = requests.post(f"{address}/v1/setup_intents", headers=KEY, timeout=WAIT_SECONDS)
    assert refused.status_code == 500
    left = requests.get(address + LEVER, headers=KEY, timeout=WAIT_SECONDS).json()["data"]
    assert [(each["path"], each["times"]) for each in left] == [("/v1/setup_intents*", 1), ("/v1/*", 1)]
    lift(address)
    assert requests.post(f"{address}/v1/setup_intents", headers=KEY, timeout=WAIT_SECONDS).status_code == 200


@pytest.mark.parametrize(
    ("switch", "param"),
    [
        ({}, "kind"),
        ({"kind": "earthquake"}, "kind"),
        ({"kind": "slow", "seconds": "-1"}, "seconds"),
        ({"kind": "slow", "seconds": "601"}, "seconds"),
        ({"kind": "slow", "times": "0"}, "times"),
        ({"kind": "slow", "caller": "nobody"}, "caller"),
        ({"kind": "slow", "when": "now"}, "when"),
    ],
)
def test_an_unusable_fault_of_the_stripe_sandbox_is_refused(sandbox, switch, param):
    answer = sandbox.test_client().post(LEVER, data=switch, headers=KEY)
    assert (answer.status_code, answer.json["error"]["param"]) == (400, param)


def test_the_fault_switches_of_the_stripe_sandbox_refuse_a_publishable_key(sandbox):
    answer = sandbox.test_client().post(
        LEVER, data={"kind": "failed"}, headers={"Authorization": "Bearer pk_test_x"}
    )
    assert answer.status_code == 401
    assert sandbox.test_client().post(LEVER, data={"kind": "failed"}).status_code == 401


def test_an_idempotency_key_of_a_running_request_is_in_use(address, api):
    throw(address, "slow", seconds=WAIT_SECONDS)
    answers = []
    first = threading.Thread(target=lambda: answers.append(create(address, key="k")))
    first.start()
    until = time.monotonic() + WAIT_SECONDS
    while requests.get(address + LEVER, headers=KEY, timeout=WAIT_SECONDS).json()["data"]:
        assert time.monotonic() < until
    refused = create(address, key="k")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert create(address, key="another").status_code == 200
    lift(address)
    first.join(WAIT_SECONDS)
    assert create(address, key="k").json()["id"] == answers[0].json()["id"]
    assert count(api) == 2


def test_an_idempotency_key_belongs_to_its_endpoint(address):
    assert create(address, key="k").status_code == 200
    refused = requests.post(
        f"{address}/v1/setup_intents", headers=KEY | {"Idempotency-Key": "k"}, timeout=WAIT_SECONDS
    )
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")
    assert "('/v1/customers')" in refused.json()["error"]["message"]
