"""After days without a word from Stripe, one command finds out all that happened."""

import datetime as dt

import pytest
import requests
from sqlalchemy import func, select

from portal.models import AuditEntry, PaymentMethod, StripeEvent
from portal.services import stripe
from portal.storage import db
from portal.webhooks import steps
from tests.factories import NOW
from tests.payment_methods.browser import ACCOUNT, ASKS_BANK, CARD, at_stripe, type_in
from tests.payment_methods.conftest import stripe_url, wallet, wallet_of
from tests.webhooks.letters import Letter

__all__ = ["stripe_url", "wallet", "wallet_of"]  # fixtures

SECRET = {"Authorization": "Bearer sk_test_sandbox"}


@pytest.fixture
def outage(wallet, acme, event_about, nobody, work) -> dict[str, str]:
    """Three days of life at Stripe of which we hear nothing; the ids of what is there at the end."""
    wallet.add(CARD)
    wallet.add(ACCOUNT)
    db.session.refresh(acme)
    customer_id = acme.stripe_customer_id
    Letter.of(event_about("customer.updated", customer_id)).deliver(nobody)
    work()  # the last that was told
    card, account = db.session.scalars(select(PaymentMethod).order_by(PaymentMethod.id)).all()
    url = wallet.stripe_url
    added = type_in(url, wallet.begin(), CARD | {"card[number]": "5555555555554444"}).json()["payment_method"]
    type_in(url, wallet.begin(), ASKS_BANK)  # never finished
    requests.post(f"{url}/v1/sandbox/payment_methods/{added}/renew", headers=SECRET, timeout=10)
    mandate = account.mandate_url.rpartition("/")[2]
    requests.post(f"{url}/v1/sandbox/mandates/{mandate}/end", headers=SECRET, timeout=10)
    at_stripe(url, f"customers/{customer_id}", **{"invoice_settings[default_payment_method]": added})
    at_stripe(url, f"payment_methods/{card.stripe_id}/detach", **{"expand[]": "customer"})
    return {"added": added, "account": account.stripe_id, "mandate": mandate}


def state() -> set[tuple]:
    rows = db.session.scalars(select(PaymentMethod)).all()
    return {(row.stripe_id, row.is_default, row.exp_year, row.mandate_status) for row in rows}


def expected(outage: dict[str, str]) -> set[tuple]:
    return {(outage["added"], True, 2037, None), (outage["account"], False, None, "inactive")}


def reconcile(app, *options: str, days: int):
    app.extensions["portal.clock"].at = NOW + dt.timedelta(days=days)
    result = app.test_cli_runner().invoke(args=["stripe", "reconcile", *options])
    db.session.expire_all()
    return result


def test_missed_stripe_events_are_fetched_and_processed_three_days_later(app, outage):
    assert state() != expected(outage)
    result = reconcile(app, days=3)
    assert result.exit_code == 0, result.output
    assert state() == expected(outage)
    assert result.output.endswith("events were new; 0 organizations compared\n")
    assert not result.output.startswith("0 ")


def test_reconciling_leads_to_the_same_state_as_the_events(app, outage, nobody, work, stripe_url):
    told = at_stripe(stripe_url, "events?limit=100")["data"]
    for event in told:
        Letter.of(event).deliver(nobody)
    work()
    assert state() == expected(outage)
    assert reconcile(app, "--all", days=3).exit_code == 0
    assert state() == expected(outage)


def test_reconciling_a_second_time_changes_nothing(app, outage):
    reconcile(app, days=3)
    count = db.session.scalar(select(func.count()).select_from(AuditEntry))
    result = reconcile(app, days=3)
    assert result.output == "0 events were new; 0 organizations compared\n"
    assert db.session.scalar(select(func.count()).select_from(AuditEntry)) == count


def test_reconciling_after_more_than_thirty_days_compares_every_customer(app, outage, monkeypatch):
    asked = []

    def forgotten(since: dt.datetime, types) -> list:
        asked.append(since)
        return []  # Stripe keeps events for thirty days

    monkeypatch.setattr(stripe(), "events_since", forgotten)
    at = NOW + dt.timedelta(days=40)
    result = reconcile(app, days=40)
    assert result.output == "0 events were new; 1 organizations compared\n"
    assert asked == [at - dt.timedelta(days=30)]
    assert state() == expected(outage)


def test_reconciling_for_the_first_time_compares_every_customer(app, wallet, acme):
    wallet.add(CARD)
    stripe_id = db.session.scalar(select(PaymentMethod.stripe_id))
    at_stripe(wallet.stripe_url, f"payment_methods/{stripe_id}/detach", **{"expand[]": "customer"})
    assert reconcile(app, days=0).exit_code == 0
    assert wallet.list() == []


def test_a_customer_that_cannot_be_compared_holds_up_no_other_and_is_reported(app, outage, acme):
    other = db.session.merge(_organization_gone(acme))
    result = reconcile(app, "--all", days=3)
    assert result.exit_code == 1
    assert "1 organizations could not be compared" in result.output
    assert state() == expected(outage)
    db.session.refresh(other)
    assert other.stripe_customer_id == "cus_gone"


def _organization_gone(acme):
    from tests.factories import make_organization

    other = make_organization("Gone AG")
    other.stripe_customer_id = "cus_gone"
    db.session.commit()
    return other


def test_reconciling_leaves_out_stripe_events_of_the_other_mode(app, outage, monkeypatch):
    known = stripe().events_since
    flipped = lambda since, types: [_flip(each) for each in known(since, types)]  # noqa: E731
    monkeypatch.setattr(stripe(), "events_since", flipped)
    result = reconcile(app, days=3)
    assert result.output.startswith("0 events were new")
    assert not db.session.scalars(select(StripeEvent).where(StripeEvent.is_live)).all()


def _flip(event):
    from dataclasses import replace

    return replace(event, is_live=True)


def test_reconciling_reads_every_type_of_event_that_the_portal_handles(app, monkeypatch):
    asked = []
    monkeypatch.setattr(stripe(), "events_since", lambda _, types: asked.append(types) or [])
    steps.reconcile(stripe=stripe(), now=NOW, is_whole=False)
    assert asked == [steps.TYPES]
