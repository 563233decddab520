import pytest
import stripe

from portal.sandbox.stripe import cards, ibans
from tests.sandbox.stripe_client import answers_of

RETURN_URL = "http://portal.test/payment-methods/return"
CARD = {"exp_month": 12, "exp_year": 2050, "cvc": "123"}
HOLDER = {"name": "Erika Mustermann", "email": "erika@acme.example"}


def card(browser_api, number):
    return browser_api.payment_methods.create({"type": "card", "card": {"number": number, **CARD}})


def account(browser_api, iban):
    return browser_api.payment_methods.create(
        {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": HOLDER}
    )


def begin(api, customer, **facts):
    return api.setup_intents.create({"customer": customer.id, "usage": "off_session", **facts})


def confirm(browser_api, intent, method):
    """As Stripe.js does: with the publishable key and the client secret."""
    given = {"payment_method": method.id, "return_url": RETURN_URL, "client_secret": intent.client_secret}
    return browser_api.setup_intents.confirm(intent.id, given)


def events(api):
    return [event.type for event in api.events.list({"limit": 100}).data][::-1]


@pytest.mark.parametrize(
    ("number", "brand"), [("4242424242424242", "visa"), ("5555555555554444", "mastercard")]
)
def test_a_card_is_set_up_and_attached_at_the_stripe_sandbox(api, browser_api, customer, number, brand):
    intent = begin(api, customer, automatic_payment_methods={"enabled": True})
    confirm(browser_api, intent, card(browser_api, number))
    intent = api.setup_intents.retrieve(intent.id, {"expand": ["payment_method", "latest_attempt"]})
    assert intent.status == intent.latest_attempt.status == "succeeded"
    assert intent.payment_method.customer == customer.id
    assert (intent.payment_method.card.brand, intent.payment_method.card.last4) == (brand, number[-4:])
    assert events(api) == [
        "customer.created",
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
    ]


def test_a_sepa_account_is_set_up_with_its_mandate_at_the_stripe_sandbox(api, browser_api, customer):
    intent = begin(api, customer, allowed_payment_method_types=["card", "sepa_debit"])
    confirm(browser_api, intent, account(browser_api, "DE89 3704 0044 0532 0130 00"))
    intent = api.setup_intents.retrieve(intent.id)
    mandate = api.mandates.retrieve(intent.mandate, {"expand": ["payment_method"]})
    assert mandate.status == "active"
    assert mandate.payment_method_details.sepa_debit.reference
    assert mandate.payment_method.sepa_debit.bank_code == "37040044"
    assert mandate.payment_method.sepa_debit.last4 == "3000"


def test_a_mandate_of_the_stripe_sandbox_has_a_page(api, browser_api, customer, sandbox):
    intent = begin(api, customer)
    confirm(browser_api, intent, account(browser_api, "AT611904300234573201"))
    mandate = api.mandates.retrieve(api.setup_intents.retrieve(intent.id).mandate)
    page = sandbox.test_client().get(mandate.payment_method_details.sepa_debit.url)
    assert mandate.payment_method_details.sepa_debit.reference in page.text
    assert "AT•• •••• 3201" in page.text


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
@pytest.mark.parametrize(("decision", "outcome"), [("approve", "succeeded"), ("refuse", "failed")])
def test_the_bank_of_the_stripe_sandbox_approves_or_refuses(
    api, browser_api, customer, sandbox, number, decision, outcome
):
    intent = begin(api, customer)
    asked = confirm(browser_api, intent, card(browser_api, number))
    assert asked.status == "requires_action"
    browser = sandbox.test_client()
    url = asked.next_action.redirect_to_url.url
    assert "Stripe sandbox: bank stand-in" in browser.get(url).text
    answer = browser.post(url, data={"client_secret": intent.client_secret, "decision": decision})
    assert answer.status_code == 303
    assert answer.location == (
        f"{RETURN_URL}?setup_intent={intent.id}&setup_intent_client_secret={intent.client_secret}"
        f"&redirect_status={outcome}"
    )
    settled = api.setup_intents.retrieve(intent.id)
    if decision == "approve":
        assert settled.status == "succeeded"
        assert len(api.customers.payment_methods.list(customer.id).data) == 1
    else:
        assert settled.status == "requires_payment_method"
        assert settled.last_setup_error.code == "setup_intent_authentication_failure"
    assert "setup_intent.requires_action" in events(api)


def test_the_page_of_the_bank_works_once_and_only_with_the_client_secret(api, browser_api, customer, sandbox):
    intent = begin(api, customer)
    url = confirm(browser_api, intent, card(browser_api, "4000002500003155")).next_action.redirect_to_url.url
    browser = sandbox.test_client()
    assert browser.get(f"/bank/{intent.id}?client_secret=guess").status_code == 404
    browser.post(url, data={"client_secret": intent.client_secret, "decision": "approve"})
    assert browser.get(url).status_code == 410


def test_the_return_address_is_in_the_content_security_policy_of_the_bank(
    api, browser_api, customer, sandbox
):
    intent = begin(api, customer)
    url = confirm(browser_api, intent, card(browser_api, "4000002500003155")).next_action.redirect_to_url.url
    policy = sandbox.test_client().get(url).headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://portal.test")


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000127", "incorrect_cvc", None),
    ],
)
def test_a_declined_card_is_a_card_error_and_stays_on_record(
    api, browser_api, customer, number, code, decline_code
):
    intent = begin(api, customer)
    with pytest.raises(stripe.CardError) as refused:
        confirm(browser_api, intent, card(browser_api, number))
    assert refused.value.http_status == 402
    assert refused.value.code == code
    assert getattr(refused.value.error, "decline_code", None) == decline_code
    assert refused.value.request_id.startswith("req_")
    assert refused.value.error.doc_url.startswith("https://docs.stripe.com/error-codes/")
    intent = api.setup_intents.retrieve(intent.id)
    assert (intent.status, intent.last_setup_error.code) == ("requires_payment_method", code)
    (attempt,) = api.setup_attempts.list({"setup_intent": intent.id}).data
    assert (attempt.status, attempt.setup_error.code) == ("failed", code)
    assert events(api)[-1] == "setup_intent.setup_failed"
    assert api.customers.payment_methods.list(customer.id).data == []


def test_another_card_can_be_tried_after_a_decline(api, browser_api, customer):
    intent = begin(api, customer)
    with pytest.raises(stripe.CardError):
        confirm(browser_api, intent, card(browser_api, "4000000000000002"))
    assert confirm(browser_api, intent, card(browser_api, "4242424242424242")).status == "succeeded"
    assert len(api.setup_attempts.list({"setup_intent": intent.id}).data) == 2


def test_tokens_of_stripe_for_tests_stand_for_cards(api, customer):
    method = api.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert method.id not in cards.TOKENS
    assert method.card.brand == "mastercard"
    with pytest.raises(stripe.CardError):
        api.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})


def test_the_server_confirms_a_sepa_account_only_with_consent(api, browser_api, customer):
    method = account(browser_api, "DE62370400440532013001")
    given = {"payment_method": method.id, "confirm": True, "return_url": RETURN_URL}
    with pytest.raises(stripe.InvalidRequestError, match="mandate_data"):
        begin(api, customer, **given)
    online = {"ip_address": "192.0.2.1", "user_agent": "Test"}
    consent = {"customer_acceptance": {"type": "online", "online": online}}
    intent = begin(api, customer, **given, mandate_data=consent)
    acceptance = api.mandates.retrieve(intent.mandate).customer_acceptance
    assert acceptance.online.ip_address == "192.0.2.1"


def test_the_same_card_number_has_the_same_fingerprint_and_is_never_shown(api, browser_api):
    first, second = card(browser_api, "4242424242424242"), card(browser_api, "4242424242424242")
    other = card(browser_api, "5555555555554444")
    assert first.card.fingerprint == second.card.fingerprint != other.card.fingerprint
    account(browser_api, "DE89370400440532013000")
    shown = str(answers_of(browser_api))
    assert "4242424242424242" not in shown
    assert "DE89370400440532013000" not in shown


def test_a_detached_payment_method_is_no_longer_default_and_never_comes_back(api, browser_api, customer):
    intent = begin(api, customer)
    method = account(browser_api, "DE89370400440532013000")
    confirm(browser_api, intent, method)
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    api.payment_methods.detach(method.id)
    assert api.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    assert api.mandates.retrieve(api.setup_intents.retrieve(intent.id).mandate).status == "inactive"
    assert events(api)[-3:] == ["payment_method.detached", "mandate.updated", "customer.updated"]
    detached = api.events.list({"type": "payment_method.detached"}).data[0]
    assert detached.data.previous_attributes["customer"] == customer.id
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        api.payment_methods.attach(method.id, {"customer": customer.id})


def test_a_payment_method_of_another_customer_cannot_become_default(api, customer):
    stranger = api.customers.create({"email": "mallory@example.com"})
    method = api.payment_methods.attach("pm_card_visa", {"customer": stranger.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    assert refused.value.param == "invoice_settings[default_payment_method]"
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        api.payment_methods.attach(method.id, {"customer": customer.id})


def test_a_customer_is_found_by_email_changed_and_deleted(api, customer):
    api.customers.create({"email": "other@example.com"})
    assert [each.id for each in api.customers.list({"email": customer.email}).data] == [customer.id]
    api.customers.update(customer.id, {"metadata": {"organization": "7"}, "name": "Acme AG"})
    renamed = api.events.list({"type": "customer.updated"}).data[0]
    assert renamed.data.previous_attributes["name"] == "Acme"
    api.customers.update(customer.id, {"metadata": {"organization": ""}})
    assert api.customers.retrieve(customer.id).metadata.to_dict() == {}
    api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.customers.delete(customer.id)
    assert api.customers.retrieve(customer.id).deleted
    assert api.customers.list({"email": customer.email}).data == []
    assert events(api)[-2:] == ["payment_method.detached", "customer.deleted"]


def test_a_payment_method_is_updated_by_the_server_and_by_its_network(api, customer, sandbox):
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.payment_methods.update(method.id, {"card": {"exp_month": 3}, "billing_details": {"name": "Erika"}})
    sandbox.test_client().post(
        f"/v1/sandbox/payment_methods/{method.id}/renew", headers={"Authorization": "Bearer sk_test_x"}
    )
    renewed = api.payment_methods.retrieve(method.id)
    assert (renewed.card.exp_month, renewed.card.exp_year) == (3, method.card.exp_year + 3)
    newest = api.events.list({"limit": 1}).data[0]
    assert newest.type == "payment_method.automatically_updated"
    assert newest.data.previous_attributes["card"]["exp_year"] == method.card.exp_year


def test_a_canceled_set_up_cannot_be_confirmed(api, browser_api, customer):
    intent = begin(api, customer)
    assert api.setup_intents.cancel(intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        confirm(browser_api, intent, card(browser_api, "4242424242424242"))
    assert refused.value.code == "setup_intent_unexpected_state"
    assert events(api)[-1] == "setup_intent.canceled"


def test_lists_of_the_stripe_sandbox_come_in_pages(api, customer):
    methods = [api.payment_methods.attach("pm_card_visa", {"customer": customer.id}).id for _ in range(5)]
    first = api.customers.payment_methods.list(customer.id, {"limit": 2})
    assert [each.id for each in first.data] == methods[:2:-1]
    assert first.has_more
    listed = api.payment_methods.list({"customer": customer.id, "type": "card", "limit": 2})
    assert [each.id for each in listed.auto_paging_iter()] == methods[::-1]
    before = api.customers.payment_methods.list(customer.id, {"ending_before": methods[2], "limit": 1})
    assert ([each.id for each in before.data], before.has_more) == ([methods[3]], True)


def test_events_of_the_stripe_sandbox_are_listed_from_a_time_on(api, customer):
    assert len(api.events.list({"created": {"gte": customer.created}}).data) == 1
    assert api.events.list({"created": {"gt": customer.created + 60}}).data == []


def test_every_event_of_the_stripe_sandbox_since_a_time_is_listed_page_by_page(api, customer):
    methods = [api.payment_methods.attach("pm_card_visa", {"customer": customer.id}) for _ in range(5)]
    api.customers.update(customer.id, {"name": "Acme AG"})
    wanted = {"types": ["payment_method.attached"], "created": {"gte": customer.created}, "limit": 2}
    first = api.events.list(wanted)
    assert (len(first.data), first.has_more) == (2, True)
    second = api.events.list(wanted | {"starting_after": first.data[-1].id})
    assert [each.data.object.id for each in (*first.data, *second.data)] == [
        each.id for each in methods[:0:-1]
    ]
    assert len(list(first.auto_paging_iter())) == 5


def test_set_ups_are_listed_by_customer_and_payment_method(api, browser_api, customer):
    other = begin(api, api.customers.create())
    mine = [begin(api, customer) for _ in range(2)]
    method = card(browser_api, "4242424242424242")
    confirm(browser_api, mine[0], method)
    listed = api.setup_intents.list({"customer": customer.id}).data
    assert [each.id for each in listed] == [mine[1].id, mine[0].id]
    (found,) = api.setup_intents.list(
        {"customer": customer.id, "payment_method": method.id, "expand": ["data.payment_method"]}
    ).data
    assert (found.id, found.payment_method.id) == (mine[0].id, method.id)
    assert len(api.setup_intents.list().data) == 3
    assert other.id not in {each.id for each in listed}


def test_a_payment_method_is_found_at_its_customer_alone(api, customer):
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    assert api.customers.payment_methods.retrieve(customer.id, method.id).id == method.id
    stranger = api.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        api.customers.payment_methods.retrieve(stranger.id, method.id)


@pytest.mark.parametrize("iban", sorted(ibans.IBANS))
def test_every_published_account_has_valid_check_digits(iban):
    assert ibans.passes_check_digits(iban)
    assert iban[:2] in ibans.CODES


@pytest.mark.parametrize("number", sorted(cards.CARDS))
def test_every_published_card_number_has_a_valid_check_digit(number):
    assert cards.passes_luhn(number)


def test_every_token_stands_for_a_published_card():
    assert set(cards.TOKENS.values()) <= set(cards.CARDS)
