"""The stand-in keeps to Stripe's own description in every test. Here: the check finds what is wrong."""

from copy import deepcopy

import pytest
import stripe
from stripe.params import SetupIntentCreateParams

from portal.sandbox.stripe import routes_customers
from portal.sandbox.stripe.objects import new_event
from tests.sandbox import sdk_shapes
from tests.sandbox.stripe_client import answers_of
from tests.sandbox.stripe_document import LATER_FIELDS, LATER_PARAMETERS
from tests.sandbox.stripe_watch import DOCUMENT, of_event
from tests.sandbox.test_stripe import begin


@pytest.fixture
def answer(api, customer):
    return deepcopy(answers_of(api)[-1])


def told(answer):
    return DOCUMENT.of_answer("POST", "/v1/customers", 200, answer)


def test_every_answer_of_the_stripe_sandbox_matches_stripes_description(answer):
    assert told(answer) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda it: it.pop("livemode"), "'livemode' is a required property"),
        (lambda it: it.update(nickname="Acme"), "'nickname' was unexpected"),
        (lambda it: it.update(tax_exempt="maybe"), "'maybe' is not one of"),
        (lambda it: it.update(created="now"), "'now' is not of type 'integer'"),
        (lambda it: it.update(livemode=None), "None is not of type 'boolean'"),
        (lambda it: it["invoice_settings"].update(colour="red"), "'colour' was unexpected"),
        (lambda it: it["metadata"].update(organization=7), "7 is not of type 'string'"),
        (lambda it: it["address"].update(planet="Mars"), "planet"),
    ],
    ids=["missing", "invented", "enum", "type", "null", "nested", "metadata", "nullable"],
)
def test_a_deviation_of_an_answer_from_stripes_description_is_reported(api, customer, change, words):
    api.customers.update(customer.id, {"address": {"city": "Wien"}})
    answer = deepcopy(answers_of(api)[-1])
    change(answer)
    (deviation,) = told(answer)
    assert words in deviation


def test_an_operation_that_stripes_description_lacks_is_a_deviation(answer):
    assert DOCUMENT.of_answer("POST", "/v1/people", 200, answer) == [
        "POST /v1/people: not an operation of Stripe's"
    ]
    assert DOCUMENT.of_request("PUT", "/v1/customers", {})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"nickname": "Acme"}, "'nickname' was unexpected"),
        ({"tax_exempt": "maybe"}, "'maybe' is not one of"),
        ({"balance": "much"}, "'much' does not match"),
        ({"invoice_settings": {"colour": "red"}}, "'colour' was unexpected"),
    ],
)
def test_a_deviation_of_a_request_from_stripes_description_is_reported(parameters, words):
    (deviation,) = DOCUMENT.of_request("POST", "/v1/customers", parameters)
    assert words in deviation


def test_a_query_is_compared_with_stripes_description_too():
    assert (
        DOCUMENT.of_request("GET", "/v1/events", {"created": {"gte": "1"}, "types": ["mandate.updated"]})
        == []
    )
    assert DOCUMENT.of_request("GET", "/v1/events", {"since": "1"})


def test_an_event_that_stripe_does_not_send_is_reported(answer):
    event = new_event(
        created=1, event_type="customer.teased", content={"object": answer}, request={}, waiting=0
    )
    assert any("customer.teased" in each for each in of_event(event))


def test_every_answer_and_every_event_is_compared_with_stripes_description(
    api, monkeypatch, deviations_from_stripe
):
    make = routes_customers.new_customer
    monkeypatch.setattr(routes_customers, "new_customer", lambda **facts: make(**facts) | {"invented": 1})
    api.customers.create()
    sources = [each.partition(":")[0] for each in deviations_from_stripe]
    assert sources == ["customer", "customer.invented", "POST /v1/customers 200", "customer.invented"]
    deviations_from_stripe.clear()


def test_a_parameter_that_only_the_stripe_sandbox_takes_is_reported(
    api, sandbox, deviations_from_stripe, monkeypatch
):
    monkeypatch.setattr("portal.sandbox.stripe.dispatch.refuse_unknown", lambda *_: None)
    api.customers.create({"nickname": "Acme"})
    (deviation,) = deviations_from_stripe
    assert "'nickname' was unexpected" in deviation
    deviations_from_stripe.clear()


def test_later_fields_of_the_pinned_stripe_version_are_listed():
    date = stripe.api_version.partition(".")[0]
    assert DOCUMENT.version.partition(".")[0] < date
    for kind, field in LATER_FIELDS:
        assert field not in DOCUMENT.schema_of(kind)["properties"], (
            "the document has it: take it off the list"
        )
        assert field in sdk_shapes.fields_of(kind), "stripe-python does not have it either"
    assert [each[:2] for each in LATER_PARAMETERS] == [("post", "/v1/setup_intents")]
    for _, _, name in LATER_PARAMETERS:
        assert name in SetupIntentCreateParams.__annotations__


def test_a_later_field_that_is_not_listed_is_a_deviation_from_stripes_description(api, customer, monkeypatch):
    begin(api, customer)
    answer = answers_of(api)[-1]
    assert DOCUMENT.of_object("setup_intent", answer) == []
    monkeypatch.setattr("tests.sandbox.stripe_document.LATER_FIELDS", {})
    (deviation,) = DOCUMENT.of_object("setup_intent", answer)
    assert "'allowed_payment_method_types' was unexpected" in deviation
