"""An event that cannot be settled: tried later and later, visible, and in nobody's way."""

import datetime as dt

import pytest
from sqlalchemy import select

from portal.domain.errors import ProviderRefusedError
from portal.models import Organization, StripeEvent
from portal.payment_methods import queue
from portal.services import stripe
from portal.storage import db
from portal.webhooks.steps import process_events
from tests.factories import NOW, make_organization
from tests.payment_methods.browser import CARD, setup_id_of, type_in
from tests.payment_methods.conftest import stripe_url, wallet, wallet_of
from tests.webhooks.letters import Letter

__all__ = ["stripe_url", "wallet", "wallet_of"]  # fixtures


@pytest.fixture
def poison(app, nobody) -> StripeEvent:
    """An event of a customer that Stripe does not know any more."""
    organization = make_organization("Poisoned AG")
    organization.stripe_customer_id = "cus_gone"
    db.session.commit()
    event = {
        "id": "evt_poison",
        "object": "event",
        "type": "customer.updated",
        "livemode": False,
        "data": {"object": {"id": "cus_gone", "object": "customer"}},
    }
    assert Letter.of(event).deliver(nobody).status_code == 200
    return db.session.get(StripeEvent, "evt_poison")


def test_a_failing_stripe_event_is_tried_later_and_later_up_to_six_hours(poison):
    at, waits = NOW, []
    for _ in range(16):
        assert process_events(stripe=stripe(), now=at) == (0, 1)
        db.session.refresh(poison)
        waits.append(poison.next_attempt_at - at)
        assert process_events(stripe=stripe(), now=at) == (0, 0)
        at = poison.next_attempt_at
    assert waits[:3] == [dt.timedelta(seconds=each) for each in (5, 10, 20)]
    assert waits[-1] == dt.timedelta(hours=6)
    assert poison.attempts == 16


def test_a_failing_stripe_event_stops_no_other(poison, wallet, event_about, nobody, work):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    Letter.of(event_about("setup_intent.succeeded", setup_id_of(client_secret))).deliver(nobody)
    assert work() == (1, 1)
    assert len(wallet.list()) == 1


def test_a_bug_with_a_stripe_event_is_logged_and_stops_no_other_event(
    poison, wallet, event_about, nobody, work, monkeypatch, caplog
):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    Letter.of(event_about("setup_intent.succeeded", setup_id_of(client_secret))).deliver(nobody)
    known = stripe().methods_of

    def fail_for_one(customer_id: str):
        if customer_id == "cus_gone":
            raise ZeroDivisionError
        return known(customer_id)

    monkeypatch.setattr(stripe(), "methods_of", fail_for_one)
    assert work() == (1, 1)
    assert "an event of Stripe's could not be processed" in caplog.text
    assert db.session.scalar(select(StripeEvent.last_error).where(StripeEvent.event_id == "evt_poison")) == (
        "ZeroDivisionError: "
    )


def test_a_command_lists_a_failing_stripe_event_with_its_last_error(poison, work, app):
    run = app.test_cli_runner().invoke
    assert run(args=["stripe", "events"]).output == "2026-03-10 12:30  evt_poison  customer.updated\n"
    work()
    assert run(args=["stripe", "events"]).output == (
        "2026-03-10 12:30  evt_poison  customer.updated"
        "  tried 1 times: NotFoundError: There is no such customer.\n"
    )


def test_two_workers_do_not_take_the_same_stripe_event(poison):
    assert queue.claim("evt_poison", NOW) is not None
    assert queue.claim("evt_poison", NOW) is None
    assert process_events(stripe=stripe(), now=NOW) == (0, 0)
    assert process_events(stripe=stripe(), now=NOW + dt.timedelta(minutes=2)) == (0, 1)  # its worker died


def test_a_refusal_of_stripe_postpones_an_event_and_drops_no_customer(poison, monkeypatch):
    monkeypatch.setattr(stripe(), "methods_of", _refuse)
    assert process_events(stripe=stripe(), now=NOW) == (0, 1)
    organization = db.session.scalar(select(Organization))
    assert organization.stripe_customer_id == "cus_gone"  # a refusal drops nobody


def _refuse(customer_id: str):
    raise ProviderRefusedError(customer_id)


def test_a_stripe_event_that_was_done_long_ago_is_forgotten(poison):
    queue.mark_done(["evt_poison"], NOW)
    queue.forget_old(now=NOW + dt.timedelta(days=39))
    assert db.session.get(StripeEvent, "evt_poison") is not None
    queue.forget_old(now=NOW + dt.timedelta(days=41))
    db.session.expire_all()
    assert db.session.get(StripeEvent, "evt_poison") is None
