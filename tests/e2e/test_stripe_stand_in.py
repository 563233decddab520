"""The stand-in for Stripe.js on a page of its own: what a page learns when the line or Stripe fails."""

import threading
from contextlib import suppress

import pytest
import requests
from flask import Flask
from playwright.sync_api import expect
from waitress.server import create_server

from portal.sandbox import stripe
from tests.sandbox.stripe_client import client_of

pytestmark = pytest.mark.browser

KEY = {"Authorization": "Bearer sk_test_sandbox"}
PAGE = """<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
<form id="form" data-secret="{secret}"><div id="element"></div><button>Save</button></form>
<output id="told"></output>
<script src="{sandbox}/stripe.js"></script><script src="/shop.js"></script></html>"""
SCRIPT = """
const form = document.getElementById('form');
const told = document.getElementById('told');
const stripe = Stripe('pk_test_sandbox', {locale: 'en'});
const elements = stripe.elements({clientSecret: form.dataset.secret});
const element = elements.create('payment');
element.on('ready', () => { told.textContent = 'ready'; });
element.on('loaderror', ({error}) => { told.textContent = `loaderror ${error.type}`; });
element.mount('#element');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  told.textContent = '';
  const confirmParams = {return_url: `${location.origin}/back`};
  const {error} = await stripe.confirmSetup({elements, confirmParams});
  told.textContent = `${error.type}: ${error.message}`;
});
"""


def _serve(app):
    server = create_server(app, host="127.0.0.1", port=0, threads=8)

    def run():
        with suppress(OSError):  # its socket is closed while it listens
            server.run()

    threading.Thread(target=run, daemon=True).start()
    return server, f"http://127.0.0.1:{server.effective_port}"


@pytest.fixture
def sandbox():
    app = stripe.create_app()
    server, app.url = _serve(app)
    yield app
    app.extensions["stripe_sandbox"].close()
    server.close()


@pytest.fixture
def shop(sandbox):
    """A page that is nobody's but the test's, on an origin of its own."""
    api = client_of(sandbox)
    secret = api.setup_intents.create({"customer": api.customers.create().id}).client_secret
    app = Flask("shop")
    app.add_url_rule("/", "page", lambda: PAGE.format(secret=secret, sandbox=sandbox.url))
    app.add_url_rule("/shop.js", "script", lambda: (SCRIPT, {"Content-Type": "text/javascript"}))
    app.add_url_rule("/back", "back", lambda: "<!doctype html><title>Back</title><h1>Back</h1>")
    app.add_url_rule("/favicon.ico", "icon", lambda: ("", 204))
    server, url = _serve(app)
    yield url
    server.close()


@pytest.fixture
def page(chromium):
    context = chromium.new_context(locale="en-IE")
    context.set_default_timeout(10_000)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def frame(page, shop):
    page.goto(shop)
    expect(page.locator("#told")).to_have_text("ready")
    return page.frame_locator('iframe[title="Secure payment input frame"]')


def throw(sandbox, kind, **switch):
    requests.post(f"{sandbox.url}/v1/sandbox/faults", data={"kind": kind, **switch}, headers=KEY, timeout=10)


def lift(sandbox):
    requests.delete(f"{sandbox.url}/v1/sandbox/faults", headers=KEY, timeout=10)


def type_card(page, frame):
    frame.get_by_label("Card number").fill("4242 4242 4242 4242")
    frame.get_by_label("Expiration date").fill("12 / 34")
    frame.get_by_label("Security code").fill("123")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("reset", "api_connection_error: The sandbox did not answer."),
        ("garbled", "api_connection_error: The sandbox did not answer."),
        ("failed", "api_error: An error occurred on our side. This sandbox was told to fail here."),
        (
            "rate_limited",
            "invalid_request_error: Request rate limit exceeded. This sandbox was told to refuse here.",
        ),
    ],
)
def test_a_failure_while_confirming_is_shown_and_pressing_again_works(page, frame, sandbox, kind, told):
    # Chromium itself asks once more when a kept connection ends without a word.
    throw(sandbox, kind, caller="browser", path="/v1/setup_intents/*/confirm", method="POST", times=10)
    type_card(page, frame)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_have_text(told)
    lift(sandbox)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/back?*redirect_status=succeeded")


def test_an_answer_that_breaks_off_does_not_set_up_a_card_twice(page, frame, sandbox):
    throw(sandbox, "cut", caller="browser", method="POST")
    type_card(page, frame)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_have_text("api_connection_error: The sandbox did not answer.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_contain_text("has a status of succeeded")
    api = client_of(sandbox)
    assert len(api.setup_attempts.list({"setup_intent": api.setup_intents.list().data[0].id}).data) == 1


def test_a_payment_form_that_cannot_load_says_so(page, shop, sandbox):
    throw(sandbox, "garbled", caller="browser", method="GET")
    page.goto(shop)
    expect(page.locator("#told")).to_have_text("loaderror api_connection_error")


def test_a_bank_account_whose_bank_is_late_comes_back_as_pending(page, frame):
    frame.get_by_label("SEPA Direct Debit").check(force=True)
    frame.get_by_label("IBAN").fill("DE08 3704 0044 0532 0130 03")
    frame.get_by_label("Full name").fill("Erika Muster")
    frame.get_by_label("Email").fill("erika@example.org")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/back?*redirect_status=pending")
