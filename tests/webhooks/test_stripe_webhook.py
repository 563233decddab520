"""What Stripe tells us: believed if signed, noted at once, worked off once, in any order."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests
from flask import Response
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.gateways.stripe import StripeGateway
from portal.models import PaymentMethod, StripeEvent
from portal.sandbox.stripe.webhooks import signature_of
from portal.storage import db
from tests.factories import NOW
from tests.gateways.silence import silent_provider
from tests.payment_methods.browser import ACCOUNT, CARD, at_stripe, setup_id_of, type_in
from tests.payment_methods.conftest import stripe_url, url, wallet, wallet_of
from tests.settings import WEBHOOK_SECRET
from tests.webhooks.letters import Letter

__all__ = ["stripe_url", "url", "wallet", "wallet_of"]  # fixtures


@pytest.fixture
def added(wallet) -> str:
    """A card that was set up, whose browser never came back: its set-up."""
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    return setup_id_of(client_secret)


def count_of_methods() -> int:
    return db.session.scalar(select(func.count()).select_from(PaymentMethod))


def test_a_set_up_is_completed_by_the_webhook_without_the_browser(
    added, event_about, nobody, wallet, acme, work
):
    event = event_about("setup_intent.succeeded", added)
    answer = Letter.of(event).deliver(nobody)
    assert (answer.status_code, answer.data) == (200, b"")
    assert wallet.list() == []
    assert work() == (1, 0)
    (method,) = wallet.list()
    assert (method["last4"], method["default"]) == ("4242", True)
    row = db.session.scalar(select(PaymentMethod))
    assert wallet.default_at_stripe(acme) == row.stripe_id
    told = db.session.scalar(select(StripeEvent))
    assert (told.event_id, told.type, told.object_id) == (event["id"], event["type"], added)
    assert told.received_at == told.done_at == NOW


def test_the_same_stripe_event_changes_nothing_the_second_time(added, event_about, nobody, wallet, work):
    letter = Letter.of(event_about("setup_intent.succeeded", added))
    letter.deliver(nobody)
    work()
    wallet.send("DELETE", wallet.list()[0]["id"])
    assert letter.deliver(nobody).status_code == 200
    assert work() == (0, 0)
    assert wallet.list() == []
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 1


def test_the_browser_and_the_webhook_complete_a_set_up_alike(added, event_about, nobody, wallet, work):
    wallet.client.get(f"{wallet.url}/return?setup_intent={added}")
    once = wallet.list()
    Letter.of(event_about("setup_intent.succeeded", added)).deliver(nobody)
    work()
    assert wallet.list() == once


def test_a_mandate_is_found_whichever_event_comes_first(wallet, event_about, nobody, work):
    client_secret = wallet.begin()
    setup = type_in(wallet.stripe_url, client_secret, ACCOUNT).json()
    Letter.of(event_about("payment_method.attached", setup["payment_method"])).deliver(nobody)
    work()
    assert wallet.list()[0]["iban"] == "DE•• •••• 3000"
    row = db.session.scalar(select(PaymentMethod))
    assert (len(row.mandate_reference), row.mandate_status) == (16, "active")
    assert row.mandate_url.startswith(f"{wallet.stripe_url}/mandates/")


def test_stripe_events_may_come_all_at_once(added, event_about, app, wallet, work):
    stripe_id = at_stripe(wallet.stripe_url, f"setup_intents/{added}")["payment_method"]
    succeeded = Letter.of(event_about("setup_intent.succeeded", added))
    attached = Letter.of(event_about("payment_method.attached", stripe_id))
    clients = [FlaskClient(app, Response) for _ in range(6)]
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(Letter.deliver, [succeeded, attached] * 3, clients))
    assert [each.status_code for each in answers] == [200] * 6
    work()
    assert [each["default"] for each in wallet.list()] == [True]
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 2


def test_a_late_stripe_event_does_not_bring_back_a_removed_payment_method(
    added, event_about, nobody, wallet, work
):
    letters = [Letter.of(event_about("setup_intent.succeeded", added))]
    wallet.client.get(f"{wallet.url}/return?setup_intent={added}")
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    letters.append(Letter.of(event_about("payment_method.attached", stripe_id)))
    wallet.send("DELETE", wallet.list()[0]["id"])
    assert [each.deliver(nobody).status_code for each in letters] == [200, 200]
    work()
    assert wallet.list() == []


def test_a_payment_method_that_is_detached_at_stripe_is_gone_in_the_portal(
    wallet, event_about, nobody, stripe_url, work
):
    wallet.add()
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    at_stripe(stripe_url, f"payment_methods/{stripe_id}/detach", **{"expand[]": "customer"})
    Letter.of(event_about("payment_method.detached", stripe_id)).deliver(nobody)
    work()
    assert wallet.list() == []


def test_a_card_that_its_network_renewed_is_renewed_in_the_portal(
    wallet, event_about, nobody, stripe_url, work
):
    wallet.add()
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    requests.post(f"{stripe_url}/v1/sandbox/payment_methods/{stripe_id}/renew", headers=headers, timeout=10)
    Letter.of(event_about("payment_method.automatically_updated", stripe_id)).deliver(nobody)
    work()
    assert [each["exp_year"] for each in wallet.list()] == [2037]


def test_the_default_payment_method_follows_stripe(wallet, event_about, nobody, stripe_url, acme, work):
    _, second = wallet.add(CARD), wallet.add(ACCOUNT)
    chosen = db.session.scalar(select(PaymentMethod.stripe_id).where(~PaymentMethod.is_default))
    db.session.refresh(acme)
    data = {"invoice_settings[default_payment_method]": chosen}
    at_stripe(stripe_url, f"customers/{acme.stripe_customer_id}", **data)
    Letter.of(event_about("customer.updated", acme.stripe_customer_id)).deliver(nobody)
    work()
    assert [each["id"] for each in wallet.list() if each["default"]] == [second["id"]]


@pytest.mark.parametrize("flaw", ["absent", "garbled", "another secret", "too old", "another body"])
def test_a_webhook_call_that_stripe_has_not_signed_is_refused(added, event_about, nobody, flaw):
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
def test_a_signed_webhook_call_that_is_no_event_is_refused(nobody, payload):
    letter = Letter(payload, signature_of(payload, WEBHOOK_SECRET, int(time.time())))
    assert letter.deliver(nobody).status_code == 400


def test_a_stripe_event_of_the_other_mode_is_not_kept(added, event_about, nobody, work):
    event = event_about("setup_intent.succeeded", added) | {"livemode": True}
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 0
    assert work() == (0, 0)


def test_a_stripe_event_kept_before_a_switch_of_mode_waits(added, event_about, nobody, work):
    Letter.of(event_about("setup_intent.succeeded", added)).deliver(nobody)
    db.session.scalar(select(StripeEvent)).is_live = True
    db.session.commit()
    assert work() == (0, 0)
    assert count_of_methods() == 0


def test_a_stripe_event_of_an_unknown_customer_changes_nothing(added, event_about, nobody, acme, work):
    event = event_about("setup_intent.succeeded", added)
    db.session.refresh(acme)
    acme.stripe_customer_id = None
    db.session.commit()
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert work() == (1, 0)
    assert count_of_methods() == 0


def test_a_stripe_event_of_an_unhandled_type_is_not_kept(added, event_about, nobody):
    event = event_about("setup_intent.created", added)
    assert Letter.of(event).deliver(nobody).status_code == 200
    assert db.session.scalar(select(func.count()).select_from(StripeEvent)) == 0


def test_a_stripe_event_whose_object_is_gone_holds_up_no_other(added, event_about, nobody, work, wallet):
    event = event_about("setup_intent.succeeded", added)
    event["data"]["object"]["id"] = "seti_gone"
    Letter.of(event).deliver(nobody)
    assert work() == (1, 0)
    assert len(wallet.list()) == 1


def test_the_answer_to_a_webhook_call_does_not_wait_for_stripe(added, event_about, app, nobody, monkeypatch):
    letter = Letter.of(event_about("setup_intent.succeeded", added))
    with silent_provider() as url:
        stripe = StripeGateway("sk_test_sandbox", url, 5000)
        known = app.extensions["portal.providers"]
        monkeypatch.setitem(app.extensions, "portal.providers", replace(known, stripe=stripe))
        started = time.monotonic()
        assert letter.deliver(nobody).status_code == 200
        assert time.monotonic() - started < 1


def test_a_mandate_that_ended_is_marked_in_the_list(
    wallet, event_about, nobody, stripe_url, work, admin, url
):
    wallet.add(ACCOUNT)
    row = db.session.scalar(select(PaymentMethod))
    mandate_id = row.mandate_url.rpartition("/")[2]
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    requests.post(f"{stripe_url}/v1/sandbox/mandates/{mandate_id}/end", headers=headers, timeout=10)
    Letter.of(event_about("mandate.updated", mandate_id)).deliver(nobody)
    assert work() == (1, 0)
    db.session.refresh(row)
    assert row.mandate_status == "inactive"
    assert "Mandate ended" in admin.page(url).select_one(".methods li").text


def test_a_mandate_of_somebody_else_changes_nothing(wallet, event_about, nobody, work, acme):
    wallet.add(ACCOUNT)
    mandate_id = db.session.scalar(select(PaymentMethod.mandate_url)).rpartition("/")[2]
    db.session.refresh(acme)
    acme.stripe_customer_id = None
    db.session.commit()
    event = event_about("payment_method.attached", db.session.scalar(select(PaymentMethod.stripe_id)))
    event |= {"id": "evt_1", "type": "mandate.updated"}
    for object_id in (mandate_id, "mandate_unknown"):
        event["id"] += "1"
        event["data"]["object"] = {"id": object_id, "object": "mandate"}
        Letter.of(event).deliver(nobody)
    assert work() == (2, 0)


def test_a_customer_who_was_deleted_at_stripe_is_made_anew(wallet, event_about, nobody, acme, work):
    wallet.add()
    old = acme.stripe_customer_id
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    requests.delete(f"{wallet.stripe_url}/v1/customers/{old}", headers=headers, timeout=10)
    Letter.of(event_about("customer.deleted", old)).deliver(nobody)
    work()
    assert wallet.list() == []
    db.session.refresh(acme)
    assert acme.stripe_customer_id is None
    assert wallet.add()["default"] is True
    assert acme.stripe_customer_id != old


@pytest.mark.parametrize("name", ["id", "type", "object", "customer"])
@pytest.mark.parametrize("text", ["\ud83d", "a\0b"])
def test_a_signed_event_with_a_text_that_no_database_keeps_is_a_bad_request(
    added, event_about, nobody, name, text
):
    event = event_about("setup_intent.succeeded", added)
    thing = event["data"]["object"]
    {"id": event, "type": event, "object": thing, "customer": thing}[name][
        "id" if name == "object" else name
    ] = text
    answer = Letter.of(event).deliver(nobody)
    assert answer.status_code == 400
    assert db.session.scalars(select(StripeEvent)).all() == []


def test_a_signed_event_that_is_nested_without_end_is_a_bad_request(nobody):
    payload = b'{"id": "evt_1", "object": "event", "data": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    answer = Letter(payload, signature_of(payload, WEBHOOK_SECRET, int(time.time()))).deliver(nobody)
    assert answer.status_code == 400
