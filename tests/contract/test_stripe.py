"""What the portal relies on at Stripe: the same for the stand-in and, with a test key, for Stripe itself.

Shapes are held against Stripe's document elsewhere; here it is behaviour. The account behind the key needs
cards and SEPA direct debits switched on.
"""

import datetime as dt
import json
import time
from uuid import uuid4

import pytest
import stripe

from portal.domain.errors import ConflictError, NotFoundError, PaymentFailedError, ProviderRefusedError
from portal.gateways.stripe_shapes import CustomerMethods, SetupStatus
from tests.contract.conftest import NOT_SET, VARIABLE, NoTestKeyError, key_of_test_mode

RETURN_URL = "https://portal.example/payment_methods/return"
ACCEPTED = {
    "customer_acceptance": {
        "type": "online",
        "online": {"ip_address": "192.0.2.1", "user_agent": "contract test"},
    }
}
ACCOUNT = {
    "type": "sepa_debit",
    "sepa_debit": {"iban": "DE89370400440532013000"},
    "billing_details": {"name": "Erika Mustermann", "email": "erika@acme.example"},
}
SECONDS_MAX = 30


@pytest.fixture
def customer_id(provider):
    return provider.create_customer()


@pytest.fixture
def set_up(provider, customer_id):
    """Begin as the portal does, confirm as a browser would, and return the id."""

    def once(**confirming):
        setup_id = provider.gateway.begin_setup(customer_id).partition("_secret_")[0]
        provider.api.setup_intents.confirm(setup_id, {"return_url": RETURN_URL, **confirming})
        return setup_id

    return once


def test_a_card_is_set_up_attached_and_described(provider, customer_id, set_up):
    setup = provider.gateway.setup_of(set_up(payment_method="pm_card_visa"))
    assert (setup.status, setup.customer_id, setup.message) == (SetupStatus.SUCCEEDED, customer_id, None)
    assert (setup.method.payment_type, setup.method.brand, setup.method.last4) == ("card", "visa", "4242")
    assert setup.method.customer_id == customer_id, "nobody has to attach it"
    assert provider.gateway.method_of(setup.method.id) == setup.method


def test_a_mandate_is_set_up_with_its_reference(provider, customer_id, set_up):
    setup = provider.gateway.setup_of(set_up(payment_method_data=ACCOUNT, mandate_data=ACCEPTED))
    assert (setup.status, setup.method.customer_id) == (SetupStatus.SUCCEEDED, customer_id)
    assert (setup.method.payment_type, setup.method.last4, setup.method.country) == (
        "sepa_debit",
        "3000",
        "DE",
    )
    assert setup.mandate.reference
    assert (setup.mandate.status, setup.mandate.method_id) == ("active", setup.method.id)
    assert provider.gateway.mandate_of(customer_id, setup.method.id) == setup.mandate
    mandate_id = provider.api.setup_intents.list({"customer": customer_id}).data[0].mandate
    assert provider.gateway.customer_of_mandate(mandate_id) == customer_id


def test_a_declined_card_is_a_failed_set_up_with_words_for_the_customer(provider, customer_id):
    setup_id = provider.gateway.begin_setup(customer_id).partition("_secret_")[0]
    with pytest.raises(stripe.CardError) as declined:
        provider.api.setup_intents.confirm(
            setup_id, {"return_url": RETURN_URL, "payment_method": "pm_card_chargeDeclined"}
        )
    assert declined.value.code == "card_declined"
    setup = provider.gateway.setup_of(setup_id)
    assert (setup.status, setup.message) == (SetupStatus.FAILED, "Your card was declined.")


def test_the_set_up_of_a_card_whose_bank_asks_is_not_finished(provider, set_up):
    setup_id = set_up(payment_method="pm_card_authenticationRequiredOnSetup")
    assert provider.gateway.setup_of(setup_id).status is SetupStatus.UNFINISHED
    action = provider.api.setup_intents.retrieve(setup_id).next_action
    assert action.type == "redirect_to_url"
    assert action.redirect_to_url.return_url == RETURN_URL


def test_the_same_card_number_has_the_same_fingerprint(provider, set_up):
    first, second = (provider.gateway.setup_of(set_up(payment_method="pm_card_visa")) for _ in range(2))
    assert first.method.id != second.method.id
    assert first.method.fingerprint == second.method.fingerprint


def test_a_default_payment_method_is_chosen_and_gone_with_its_method(provider, customer_id, set_up):
    gateway = provider.gateway
    method = gateway.setup_of(set_up(payment_method="pm_card_visa")).method
    assert gateway.methods_of(customer_id).methods == (method,)
    assert gateway.methods_of(customer_id).default_id is None, "Stripe chooses none by itself"
    gateway.make_default(customer_id=customer_id, method_id=method.id)
    assert gateway.methods_of(customer_id).default_id == method.id
    gateway.detach(method.id)
    assert gateway.methods_of(customer_id).default_id is None
    assert gateway.method_of(method.id).customer_id is None
    with pytest.raises(ConflictError):
        gateway.attach(customer_id=customer_id, method_id=method.id)


def test_the_payment_method_of_another_customer_is_not_found(provider, customer_id):
    theirs = provider.gateway.attach(customer_id=provider.create_customer(), method_id="pm_card_visa")
    with pytest.raises(NotFoundError):
        provider.gateway.attach(customer_id=customer_id, method_id=theirs.id)
    with pytest.raises((NotFoundError, ProviderRefusedError)):
        provider.gateway.make_default(customer_id=customer_id, method_id=theirs.id)
    assert provider.gateway.methods_of(customer_id).default_id is None


def test_a_card_that_cannot_be_attached_says_why(provider, customer_id):
    with pytest.raises(PaymentFailedError, match="declined"):
        provider.gateway.attach(customer_id=customer_id, method_id="pm_card_chargeDeclined")


def test_an_idempotency_key_makes_one_customer_and_no_other(provider):
    key = str(uuid4())
    assert provider.create_customer(key) == provider.create_customer(key)
    with pytest.raises(ProviderRefusedError):
        provider.create_customer(key, name="Somebody else")


def test_a_customer_is_found_again_by_its_organization(provider):
    key = str(uuid4())
    began_at = dt.datetime.now(dt.UTC)
    customer_id = provider.create_customer(key)
    assert provider.gateway.find_customer(key, since=began_at) == customer_id
    assert provider.gateway.find_customer(str(uuid4()), since=began_at) is None


def test_a_deleted_customer_has_no_payment_methods(provider):
    customer_id = provider.create_customer()
    provider.api.customers.delete(customer_id)
    provider.customer_ids.remove(customer_id)
    assert provider.gateway.methods_of(customer_id) == CustomerMethods(
        methods=(), default_id=None, is_deleted=True
    )


def test_an_idempotency_key_makes_one_set_up_that_is_found_again(provider, customer_id):
    key = str(uuid4())
    secret = provider.gateway.begin_setup(customer_id, key)
    assert provider.gateway.begin_setup(customer_id, key) == secret
    assert provider.gateway.find_setup(customer_id, key) == secret
    assert provider.gateway.find_setup(customer_id, str(uuid4())) is None


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported"),
        ({"colour": "red"}, "parameter_unknown"),
    ],
)
def test_unknown_parameters_are_refused_by_stripe(provider, customer_id, parameters, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        provider.api.setup_intents.create({"customer": customer_id, **parameters})
    assert (refused.value.http_status, refused.value.code) == (400, code)


def test_changes_can_be_looked_up_as_stripe_events(provider, customer_id, set_up):
    since = provider.api.customers.retrieve(customer_id).created
    setup_id = set_up(payment_method="pm_card_visa")
    event = _event(provider, "setup_intent.succeeded", since, setup_id)
    assert event.livemode is False
    assert _event(provider, "payment_method.attached", since, event.data.object.payment_method)


def test_stripe_events_since_a_time_are_translated_to_the_portals_types(provider, customer_id, set_up):
    since = dt.datetime.fromtimestamp(provider.api.customers.retrieve(customer_id).created, dt.UTC)
    setup_id = set_up(payment_method="pm_card_visa")
    _event(provider, "setup_intent.succeeded", int(since.timestamp()), setup_id)
    told = provider.gateway.events_since(since, {"setup_intent.succeeded"})
    (event,) = [each for each in told if each.object_id == setup_id]
    assert (event.type, event.customer_id, event.is_live) == ("setup_intent.succeeded", customer_id, False)


def test_a_signed_stripe_event_is_read(provider, customer_id, set_up):
    since = provider.api.customers.retrieve(customer_id).created
    event = _event(provider, "setup_intent.succeeded", since, set_up(payment_method="pm_card_visa"))
    payload = json.dumps(event.to_dict())
    header = stripe.WebhookSignature.generate_signature_header(payload, "whsec_contract")
    told = provider.gateway.event_from(payload.encode(), header, "whsec_contract")
    assert (told.id, told.type, told.customer_id) == (event.id, "setup_intent.succeeded", customer_id)
    assert provider.gateway.event_from(payload.encode(), header, "whsec_other") is None


def test_the_event_of_a_detached_method_names_the_customer_it_had(provider, customer_id):
    method = provider.gateway.attach(customer_id=customer_id, method_id="pm_card_visa")
    since = provider.api.customers.retrieve(customer_id).created
    provider.gateway.detach(method.id)
    event = _event(provider, "payment_method.detached", since, method.id)
    assert event.data.object.customer is None
    assert event.data.previous_attributes["customer"] == customer_id


def _event(provider, event_type, since, object_id):
    """Stripe lists an event a moment after it happened."""
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        listed = provider.api.events.list({"types": [event_type], "created": {"gte": since}, "limit": 100})
        for event in listed.auto_paging_iter():
            if event.data.object.id == object_id:
                return event
    pytest.fail(f"There is no {event_type} of {object_id}.")


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "pk_test_1", "whsec_1", "secret"])
def test_a_stripe_key_of_live_mode_is_not_used_by_these_tests(key):
    with pytest.raises(NoTestKeyError):
        key_of_test_mode({VARIABLE: key})


@pytest.mark.parametrize("key", ["sk_test_1", "rk_test_1"])
def test_a_stripe_key_of_test_mode_is_used_by_these_tests(key):
    assert key_of_test_mode({VARIABLE: key}) == key


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}])
def test_without_a_key_the_real_stripe_is_not_asked_and_the_report_says_so(environment):
    assert key_of_test_mode(environment) is None
    assert VARIABLE in NOT_SET
