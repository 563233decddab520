import pytest
import stripe

from tests.sandbox.stripe_client import client_of, raw_call
from tests.sandbox.test_stripe import CARD, HOLDER, begin, card


def test_an_unknown_parameter_is_refused_by_the_stripe_sandbox(api, sandbox):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.create({"nickname": "Acme"})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "nickname")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.create({"invoice_settings": {"colour": "red"}})
    assert refused.value.param == "invoice_settings[colour]"


def test_payment_method_types_are_no_longer_a_parameter_of_a_set_up(api, customer):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        begin(api, customer, payment_method_types=["card"])
    assert refused.value.http_status == 400
    assert refused.value.code == "payment_method_types_no_longer_supported"


def test_automatic_and_allowed_payment_method_types_exclude_each_other(api, customer):
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        begin(
            api, customer, automatic_payment_methods={"enabled": True}, allowed_payment_method_types=["card"]
        )


def test_allowed_payment_method_types_that_are_not_switched_on_are_filtered(api, customer):
    assert begin(api, customer, allowed_payment_method_types=["klarna", "card"]).payment_method_types == [
        "card"
    ]
    with pytest.raises(stripe.InvalidRequestError, match="No valid payment method types"):
        begin(api, customer, allowed_payment_method_types=["klarna"])


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "pk_live_x"])
def test_live_keys_are_refused_by_the_stripe_sandbox(sandbox, key):
    with pytest.raises(stripe.AuthenticationError, match="refuses live keys"):
        client_of(sandbox, key).customers.list()


def test_unknown_keys_are_refused_by_the_stripe_sandbox(sandbox):
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        client_of(sandbox, "sk_other").customers.list()
    answer = sandbox.test_client().get("/v1/customers")
    assert answer.status_code == 401
    assert "did not provide an API key" in answer.json["error"]["message"]


def test_a_publishable_key_opens_only_the_calls_that_a_browser_needs(api, browser_api, customer):
    intent = begin(api, customer)
    with pytest.raises(stripe.AuthenticationError) as refused:
        browser_api.customers.retrieve(customer.id)
    assert refused.value.json_body["error"]["code"] == "secret_key_required"
    with pytest.raises(stripe.InvalidRequestError, match="No such setupintent"):
        browser_api.setup_intents.retrieve(intent.id, {"client_secret": f"{intent.id}_secret_guess"})
    seen = browser_api.setup_intents.retrieve(intent.id, {"client_secret": intent.client_secret})
    assert seen.status == "requires_payment_method"
    assert "customer" not in seen


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4111111111111111", "card_declined", "test_mode_live_card"),
        ("4242424242424241", "incorrect_number", None),
    ],
)
def test_a_card_number_that_is_not_published_is_refused(browser_api, number, code, decline_code):
    with pytest.raises(stripe.CardError) as refused:
        card(browser_api, number)
    assert refused.value.code == code
    assert getattr(refused.value.error, "decline_code", None) == decline_code


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("DE02120300000000202051", "bank_account_unusable"),
        ("DE00370400440532013000", "invalid_bank_account_iban"),
    ],
)
def test_a_bank_account_that_is_not_published_is_refused(browser_api, iban, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        browser_api.payment_methods.create(
            {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": HOLDER}
        )
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"cvc": "12"}, "invalid_cvc"),
    ],
)
def test_a_card_needs_a_future_expiry_and_a_whole_security_code(browser_api, change, code):
    facts = {"number": "4242424242424242", **CARD, **change}
    with pytest.raises(stripe.CardError) as refused:
        browser_api.payment_methods.create({"type": "card", "card": facts})
    assert refused.value.code == code


def test_the_server_may_not_send_card_numbers(api):
    with pytest.raises(stripe.CardError, match="generally unsafe"):
        card(api, "4242424242424242")


def test_an_api_version_other_than_the_pinned_is_refused_by_the_stripe_sandbox(api):
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        api.customers.list(options={"stripe_version": "2024-06-20"})


@pytest.mark.parametrize(
    "call", [("POST", "/v1/payment_intents"), ("PUT", "/v1/customers"), ("GET", "/v1/charges")]
)
def test_a_call_that_the_portal_does_not_make_is_an_unrecognized_url(sandbox, call):
    response, answer = raw_call(sandbox, *call)
    assert response.status_code == 404
    assert answer["error"]["message"].startswith(f"Unrecognized request URL ({call[0]}: {call[1]})")


def test_a_stripe_object_that_does_not_exist_is_resource_missing(api):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_methods.retrieve("pm_nothing")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert refused.value.user_message == "No such PaymentMethod: 'pm_nothing'"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/relative", "data:text/html,x"])
def test_a_return_address_is_a_web_address(api, customer, url):
    intent = begin(api, customer)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.setup_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "return_url": url})
    assert refused.value.code == "url_invalid"


def test_only_some_fields_of_stripe_objects_expand(api, customer):
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.customers.retrieve(customer.id, {"expand": ["email"]})


def test_the_frame_of_the_sandbox_gets_its_errors_without_an_error_status(sandbox):
    response, answer = raw_call(sandbox, "GET", "/v1/customers/cus_nothing", headers={"Sandbox-Quiet": "1"})
    assert response.status_code == 200
    assert answer["error"]["code"] == "resource_missing"
