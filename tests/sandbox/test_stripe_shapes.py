"""Every answer and every event has the fields of the version stripe-python is pinned to."""

import stripe

from portal.sandbox.stripe.objects import API_VERSION
from tests.sandbox.sdk_shapes import deviations
from tests.sandbox.stripe_client import answers_of
from tests.sandbox.test_stripe import account, begin, card, confirm


def test_the_version_of_the_stripe_sandbox_is_the_sdks():
    assert stripe.api_version == API_VERSION


def test_every_object_of_the_stripe_sandbox_has_the_fields_of_the_sdk(api, browser_api, customer, sandbox):
    intents = [begin(api, customer, metadata={"organization": "7"}) for _ in range(4)]
    method = card(browser_api, "4242424242424242")
    confirm(browser_api, intents[0], method)
    confirm(browser_api, intents[1], account(browser_api, "FR1420041010050500013M02606"))
    asked = confirm(browser_api, intents[2], card(browser_api, "4000002760003184"))
    decision = {"client_secret": intents[2].client_secret, "decision": "refuse"}
    sandbox.test_client().post(asked.next_action.redirect_to_url.url, data=decision)
    api.setup_intents.cancel(intents[3].id, {"cancellation_reason": "abandoned"})
    for intent in intents:
        api.setup_intents.retrieve(
            intent.id, {"expand": ["payment_method.customer", "mandate", "latest_attempt"]}
        )
        api.setup_attempts.list({"setup_intent": intent.id})
    api.mandates.retrieve(api.setup_intents.retrieve(intents[1].id).mandate)
    api.customers.update(
        customer.id, {"invoice_settings": {"default_payment_method": method.id}, "address": {"city": "Wien"}}
    )
    api.customers.retrieve(customer.id, {"expand": ["invoice_settings.default_payment_method"]})
    api.customers.list()
    api.payment_methods.list({"customer": customer.id})
    api.payment_methods.detach(method.id)
    api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["mandate.updated"]})
    api.customers.delete(customer.id)
    api.events.list({"limit": 100})
    answers = answers_of(api) + answers_of(browser_api)
    assert {each["object"] for each in answers} >= {
        "customer",
        "setup_intent",
        "payment_method",
        "mandate",
        "list",
    }
    assert [found for each in answers for found in deviations(each)] == []


def test_the_comparison_with_the_sdks_fields_reports_each_deviation(api, customer):
    (answer,) = answers_of(api)
    answer["invented"] = 1
    answer["created"] = "now"
    del answer["livemode"]
    answer["invoice_settings"]["footer"] = 5
    assert len(deviations(answer)) == 4
