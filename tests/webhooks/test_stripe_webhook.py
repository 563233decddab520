"""What Stripe tells us: believed if signed, acted upon once, in any order."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import requests
from flask import Response
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.extensions import db
from portal.models import PaymentMethod, StripeEvent
from portal.sandbox.stripe.webhooks import signature_of
from tests.conftest import WEBHOOK_SECRET
from tests.factories import NOW
from tests.payment_methods.browser import ACCOUNT, CARD, at_stripe, setup_id_of, type_in
from tests.payment_methods.conftest import stripe_url, wallet, wallet_of

__all__ = ["stripe_url", "wallet", "wallet_of"]  # fixtures


@dataclass(frozen=True)
class Letter:
    """An event on its way to us."""

    payload: bytes
    signature: str

    @staticmethod
    def of(event: dict, secret: str = WEBHOOK_SECRET, sent_at: float | None = None) -> Letter:
        payload = json.dumps(event, indent=2).encode()
        return Letter(payload, signature_of(payload, secret, int(sent_at or time.time())))

    def deliver(self, client):
        headers = {"Stripe-Signature": self.signature, "Content-Type": "application/json"}
        return client.post("/webhooks/stripe", data=self.payload, headers=headers)


@pytest.fixture
def added(wallet) -> str:
    """A card that was set up, whose browser never came back: its set-up."""
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    return setup_id_of(client_secret)


@pytest.fixture
def event_about(stripe_url):
    """The newest event of a type about an object, as Stripe keeps it."""

    def find(kind: str, object_id: str) -> dict:
        events = at_stripe(stripe_url, f"events?type={kind}&limit=100")["data"]
        return next(each for each in events if each["data"]["object"]["id"] == object_id)

    return find


def count_of_methods() -> int:
    return db.session.scalar(select(func.count()).select_from(PaymentMethod))


def test_a_set_up_is_settled_without_the_browser(added, event_about, nobody, wallet, acme):
    event = event_about("setup_intent.succeeded", added)
    answer = Letter.of(event).deliver(nobody)
    assert (answer.status_code, answer.data) == (200, b"")
    (method,) = wallet.list()
    assert (method["last4"], method["default"]) == ("4242", True)
    row = db.session.scalar(select(PaymentMethod))
    assert wallet.default_at_stripe(acme) == row.stripe_id
    told = db.session.scalar(select(StripeEvent))
    assert (told.event_id, told.type, told.object_id) == (event["id"], event["type"], added)
    assert told.received_at == told.settled_at == NOW


def test_the_same_event_changes_nothing_the_second_time(added, event_about, nobody, wallet):
    letter = Letter.of(event_about("setup_intent.succeeded", added))
    letter.deliver(nobody)
    wallet.send("DELETE", wallet.list()[0]["id"])
    assert letter.deliver(nobody).status_code == 200
    assert wallet.list() == []
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 1


def test_the_browser_and_the_webhook_settle_the_same(added, event_about, nobody, wallet):
    wallet.client.get(f"{wallet.url}/return?setup_intent={added}")
    once = wallet.list()
    Letter.of(event_about("setup_intent.succeeded", added)).deliver(nobody)
    assert wallet.list() == once


def test_events_may_come_in_any_order(wallet, event_about, nobody):
    client_secret = wallet.begin()
    setup = type_in(wallet.stripe_url, client_secret, ACCOUNT).json()
    Letter.of(event_about("payment_method.attached", setup["payment_method"])).deliver(nobody)
    assert wallet.list()[0]["iban"] == "DE•• •••• 3000"
    Letter.of(event_about("setup_intent.succeeded", setup["id"])).deliver(nobody)
    assert len(wallet.list()) == 1
    assert db.session.scalar(select(PaymentMethod.mandate_reference))


def test_events_may_come_all_at_once(added, event_about, app, wallet):
    stripe_id = at_stripe(wallet.stripe_url, f"setup_intents/{added}")["payment_method"]
    succeeded = Letter.of(event_about("setup_intent.succeeded", added))
    attached = Letter.of(event_about("payment_method.attached", stripe_id))
    clients = [FlaskClient(app, Response) for _ in range(6)]
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(Letter.deliver, [succeeded, attached] * 3, clients))
    assert [each.status_code for each in answers] == [200] * 6
    assert [each["default"] for each in wallet.list()] == [True]
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 2


def test_a_late_event_does_not_bring_back_what_was_removed(added, event_about, nobody, wallet):
    letters = [Letter.of(event_about("setup_intent.succeeded", added))]
    wallet.client.get(f"{wallet.url}/return?setup_intent={added}")
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    letters.append(Letter.of(event_about("payment_method.attached", stripe_id)))
    wallet.send("DELETE", wallet.list()[0]["id"])
    assert [each.deliver(nobody).status_code for each in letters] == [200, 200]
    assert wallet.list() == []


def test_a_method_that_is_detached_at_stripe_is_gone_here(wallet, event_about, nobody, stripe_url):
    wallet.add()
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    at_stripe(stripe_url, f"payment_methods/{stripe_id}/detach", **{"expand[]": "customer"})
    Letter.of(event_about("payment_method.detached", stripe_id)).deliver(nobody)
    assert wallet.list() == []


def test_a_card_that_its_network_renewed_is_renewed_here(wallet, event_about, nobody, stripe_url):
    wallet.add()
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    requests.post(f"{stripe_url}/v1/sandbox/payment_methods/{stripe_id}/renew", headers=headers, timeout=10)
    Letter.of(event_about("payment_method.automatically_updated", stripe_id)).deliver(nobody)
    assert [each["exp_year"] for each in wallet.list()] == [2037]


def test_the_default_follows_stripe(wallet, event_about, nobody, stripe_url, acme):
    _, second = wallet.add(CARD), wallet.add(ACCOUNT)
    chosen = db.session.scalar(select(PaymentMethod.stripe_id).where(~PaymentMethod.is_default))
    db.session.refresh(acme)
    data = {"invoice_settings[default_payment_method]": chosen}
    at_stripe(stripe_url, f"customers/{acme.stripe_customer_id}", **data)
    Letter.of(event_about("customer.updated", acme.stripe_customer_id)).deliver(nobody)
    assert [each["id"] for each in wallet.list() if each["default"]] == [second["id"]]


@pytest.mark.parametrize("flaw", ["absent", "garbled", "another secret", "too old", "another body"])
def test_what_is_not_signed_by_stripe_is_refused(added, event_about, nobody, flaw):
    event = event_about("setup_intent.succeeded", added)
    letter = Letter.of(event)
    forged = {
        "absent": replace(letter, signature=""),
        "garbled": replace(letter, signature="t=1,v1=ü"),
        "another secret": Letter.of(event, secret="whsec_another"),
        "too old": Letter.of(event, sent_at=time.time() - 600),
        "another body": replace(letter, payload=letter.payload + b" "),
    }[flaw]
    assert forged.deliver(nobody).status_code == 400
    assert count_of_methods() == 0


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe"])
def test_what_is_signed_but_no_event_is_refused(nobody, payload):
    letter = Letter(payload, signature_of(payload, WEBHOOK_SECRET, int(time.time())))
    assert letter.deliver(nobody).status_code == 400


def test_an_event_of_the_other_mode_is_ignored(added, event_about, nobody):
    event = event_about("setup_intent.succeeded", added) | {"livemode": True}
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert count_of_methods() == 0


def test_an_event_of_a_customer_that_is_not_ours_is_ignored(added, event_about, nobody, acme):
    event = event_about("setup_intent.succeeded", added)
    db.session.refresh(acme)
    acme.stripe_customer_id = None
    db.session.commit()
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert count_of_methods() == 0


def test_an_event_that_does_not_concern_us_is_ignored(added, event_about, nobody):
    event = event_about("setup_intent.created", added)
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 0


def test_an_event_whose_object_is_gone_is_kept_unsettled(added, event_about, nobody):
    event = event_about("setup_intent.succeeded", added)
    event["data"]["object"]["id"] = "seti_gone"
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert db.session.scalar(select(StripeEvent)).settled_at is None
