"""Events arrive signed, and again while they are not taken."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import stripe

from portal.sandbox.stripe import create_app
from tests.sandbox.stripe_client import client_of, raw_call
from tests.sandbox.test_stripe import account, begin, card, confirm

SECRET = "whsec_sandbox_test"
WAIT_SECONDS = 10


class Receiver:
    """The portal's webhook: answers with the statuses it was given, then with 200."""

    def __init__(self, *statuses):
        self.arrived = queue.Queue()
        statuses = list(statuses)
        arrived = self.arrived

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(statuses.pop(0) if statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                arrived.put((body, self.headers["Stripe-Signature"]))

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def next_event(self, secret=SECRET):
        body, signature = self.arrived.get(timeout=WAIT_SECONDS)
        return stripe.Webhook.construct_event(body, signature, secret)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def open_receiver():
    opened = []

    def open_one(*statuses):
        opened.append(Receiver(*statuses))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def open_sandbox():
    opened = []

    def open_one(*args, **facts):
        opened.append(create_app(*args, **facts))
        return opened[-1]

    yield open_one
    for each in opened:
        each.extensions["stripe_sandbox"].close()


def test_an_event_is_signed_as_stripe_signs(open_receiver, open_sandbox):
    receiver = open_receiver()
    api = client_of(open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET))
    customer = api.customers.create({"email": "a@example.com"}, {"idempotency_key": "k"})
    event = receiver.next_event()
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    assert event.request.idempotency_key == "k"
    assert event.id == api.events.list().data[0].id


def test_a_signature_by_another_secret_is_not_valid(open_receiver, open_sandbox):
    receiver = open_receiver()
    client_of(open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET)).customers.create()
    with pytest.raises(stripe.SignatureVerificationError):
        receiver.next_event("whsec_other")


def test_an_event_is_delivered_again_after_a_500(open_receiver, open_sandbox):
    receiver = open_receiver(500, 302)
    app = open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET, retry_delays=(0.01, 0.01))
    client_of(app).customers.create()
    first, second, third = (receiver.next_event() for _ in range(3))
    assert first.id == second.id == third.id


def test_events_arrive_in_order_at_each_endpoint_that_enables_them(open_receiver, open_sandbox):
    everything, deletions = open_receiver(), open_receiver()
    api = client_of(open_sandbox(webhook_url=everything.url, webhook_secret=SECRET))
    endpoint = api.webhook_endpoints.create({"url": deletions.url, "enabled_events": ["customer.deleted"]})
    customer = api.customers.create()
    api.customers.delete(customer.id)
    assert [everything.next_event().type for _ in range(2)] == ["customer.created", "customer.deleted"]
    assert deletions.next_event(endpoint.secret).type == "customer.deleted"


def test_an_undelivered_event_is_delivered_after_a_restart(open_receiver, open_sandbox, tmp_path):
    receiver = open_receiver(500)
    state = tmp_path / "stripe.sqlite3"
    configured = {"webhook_url": receiver.url, "webhook_secret": SECRET}
    app = create_app(state, **configured, retry_delays=(0.2,))
    client_of(app).customers.create()
    first = receiver.next_event()
    app.extensions["stripe_sandbox"].close()
    open_sandbox(state, **configured)
    assert receiver.next_event().id == first.id


def test_a_webhook_of_the_stripe_sandbox_needs_its_secret():
    with pytest.raises(ValueError, match="both"):
        create_app(webhook_url="http://127.0.0.1:1/")


# What docs/PAYMENTS.md says the portal listens to.
TOLD = {
    "customer.deleted",
    "customer.updated",
    "mandate.updated",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
}


def test_every_event_that_the_portal_listens_to_is_sent(open_receiver, open_sandbox):
    receiver = open_receiver()
    app = open_sandbox()
    api, browser_api = client_of(app), client_of(app, "pk_test_sandbox")
    endpoint = api.webhook_endpoints.create({"url": receiver.url, "enabled_events": sorted(TOLD)})
    customer = api.customers.create()
    confirm(browser_api, begin(api, customer), account(browser_api, "DE62370400440532013001"))
    with pytest.raises(stripe.CardError):
        confirm(browser_api, begin(api, customer), card(browser_api, "4000000000000002"))
    confirm(browser_api, begin(api, customer), card(browser_api, "4000002500003155"))
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.payment_methods.update(method.id, {"card": {"exp_month": 3}})
    pull(app, f"payment_methods/{method.id}/renew")
    pull(app, "later")
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    api.payment_methods.detach(method.id)
    api.customers.delete(customer.id)
    sent = {each.id for each in api.events.list({"limit": 100}).data if each.type in TOLD}
    told = [receiver.next_event(endpoint.secret) for _ in sent]
    assert {each.id for each in told} == sent
    assert {each.type for each in told} == TOLD


def pull(app, lever, **how):
    response, answer = raw_call(app, "POST", f"/v1/sandbox/{lever}", **how)
    assert response.status_code == 200, answer
    return answer


def test_held_events_arrive_in_order_when_delivery_goes_on(open_receiver, open_sandbox):
    receiver = open_receiver()
    app = open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET)
    assert pull(app, "webhooks", delivery="held")["delivery"] == "held"
    api = client_of(app)
    ids = [api.customers.create().id for _ in range(3)]
    assert receiver.arrived.empty()
    assert pull(app, "webhooks", delivery="on")["waiting"] == 3
    assert [receiver.next_event().data.object.id for _ in ids] == ids


def test_dropped_events_never_arrive_and_can_be_listed(open_receiver, open_sandbox):
    receiver = open_receiver()
    app = open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET)
    api = client_of(app)
    pull(app, "webhooks", delivery="dropped")
    missed = api.customers.create()
    for _ in range(10_000):
        if raw_call(app, "GET", "/v1/sandbox/webhooks")[1]["waiting"] == 0:
            break
    pull(app, "webhooks", delivery="on")
    heard = api.customers.create()
    assert receiver.next_event().data.object.id == heard.id
    listed = api.events.list({"types": ["customer.created"], "created": {"gte": missed.created}}).data
    assert [each.data.object.id for each in listed] == [heard.id, missed.id]
    assert api.events.retrieve(listed[1].id).type == "customer.created"


def test_an_event_of_the_stripe_sandbox_can_be_sent_again(open_receiver, open_sandbox):
    receiver = open_receiver()
    app = open_sandbox(webhook_url=receiver.url, webhook_secret=SECRET)
    client_of(app).customers.create()
    first = receiver.next_event()
    assert pull(app, f"events/{first.id}/resend")["id"] == first.id
    assert receiver.next_event().id == first.id


def test_an_unknown_way_of_delivering_events_is_refused(open_sandbox):
    response, answer = raw_call(open_sandbox(), "POST", "/v1/sandbox/webhooks", delivery="sometimes")
    assert (response.status_code, answer["error"]["param"]) == (400, "delivery")
