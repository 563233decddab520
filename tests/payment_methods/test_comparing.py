"""Comparing with Stripe: what is written is never older than what somebody else wrote meanwhile."""

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.stripe_shapes import SetupStatus
from portal.models import AuditEntry, PaymentMethod
from portal.payment_methods import actions, lease, queue, steps
from portal.payment_methods.lease import LeaseLostError
from portal.services import stripe
from portal.storage import db
from portal.webhooks.steps import process_events
from tests.factories import NOW
from tests.payment_methods.browser import ACCOUNT, CARD, DECLINED, at_stripe, setup_id_of, type_in


def trail() -> list[tuple[str, str]]:
    query = select(AuditEntry).where(AuditEntry.action.startswith("payment_method."))
    return [(each.action, each.actor) for each in db.session.scalars(query.order_by(AuditEntry.id))]


def test_an_old_answer_of_stripe_is_not_written_over_a_newer_one(wallet, acme, monkeypatch, clock):
    method = wallet.add()
    known, asked = stripe().methods_of, []

    def slow(customer_id: str):
        """While this answer is on its way, for a minute, the method is removed."""
        answer = known(customer_id)
        asked.append(answer)
        if len(asked) == 1:
            clock.at += dt.timedelta(minutes=1)
            assert wallet.send("DELETE", method["id"]).status_code == 204
        return answer

    monkeypatch.setattr(stripe(), "methods_of", slow)
    with pytest.raises(LeaseLostError):
        steps.compare(acme, stripe=stripe(), now=NOW)
    assert wallet.list() == []
    steps.compare(acme, stripe=stripe(), now=NOW)
    assert [len(each.methods) for each in asked] == [1, 0]
    assert wallet.list() == []


@pytest.fixture
def held(acme, monkeypatch):
    """Somebody else changes the payment methods of Acme, and nobody waits."""
    monkeypatch.setattr(lease, "wait", lambda: None)
    with lease.taken(acme, stripe=stripe()) as held:
        yield held


def test_a_program_gets_409_while_somebody_else_changes_payment_methods(wallet, acme, held):
    held.release()
    first, second = wallet.add(CARD)["id"], wallet.add(ACCOUNT)["id"]
    assert held.take()
    answers = [
        wallet.send("PUT", f"{second}/set_default"),
        wallet.send("DELETE", second),
        wallet.post("create_and_attach", json={"payment_method_id": "pm_card_visa"}),
    ]
    said = "Somebody else is changing the payment methods right now. Please try again in a moment."
    assert [(each.status_code, each.json["errors"][0]["message"]) for each in answers] == [(409, said)] * 3
    held.release()
    assert [each["id"] for each in wallet.list()] == [first, second]


def test_a_person_reads_on_the_list_that_somebody_else_changes_payment_methods(wallet, admin, url, held):
    held.release()
    wallet.add(CARD)
    second = wallet.add(ACCOUNT)["id"]
    admin.page(url)
    assert held.take()
    answer = admin.submit(f"{url}/{second}/set_default")
    assert (answer.status_code, answer.location) == (303, url)
    assert "Somebody else is changing the payment methods" in admin.page(url).select_one("#notices").text


def test_a_set_up_that_comes_back_while_somebody_else_changes_something_is_checked_later(wallet, acme, held):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    assert wallet.come_back(client_secret).status_code == 303
    assert "is being checked" in wallet.client.page(wallet.url).select_one("#notices").text
    assert process_events(stripe=stripe(), now=NOW) == (0, 1)
    held.release()
    assert process_events(stripe=stripe(), now=NOW + dt.timedelta(seconds=10)) == (1, 0)
    assert len(wallet.list()) == 1


def test_a_comparison_with_stripe_that_is_always_overtaken_is_tried_again_later(wallet, acme, monkeypatch):
    wallet.add()
    known = stripe().methods_of

    def slow(customer_id: str):
        answer = known(customer_id)
        actions.choose_default(acme, "pm_unknown")
        db.session.commit()
        return answer

    monkeypatch.setattr(stripe(), "methods_of", slow)
    with pytest.raises(ProviderUnavailableError):
        steps.compare(acme, stripe=stripe(), now=NOW)


def test_an_organization_with_methods_but_no_default_gets_the_oldest_as_default(wallet, acme, stripe_url):
    wallet.add(CARD)
    second = wallet.add(ACCOUNT)
    card = db.session.scalar(select(PaymentMethod).where(PaymentMethod.is_default))
    at_stripe(stripe_url, f"payment_methods/{card.stripe_id}/detach", **{"expand[]": "customer"})
    steps.compare(acme, stripe=stripe(), now=NOW)
    assert wallet.list() == [second | {"default": True}]
    mandate = db.session.scalar(select(PaymentMethod))
    assert wallet.default_at_stripe(acme) == mandate.stripe_id


def test_every_change_of_a_payment_method_is_in_the_audit_trail_once_without_digits(wallet, acme):
    first = wallet.add(CARD)
    second = wallet.add(ACCOUNT)
    wallet.send("PUT", f"{second['id']}/set_default")
    wallet.send("DELETE", first["id"])
    steps.compare(acme, stripe=stripe(), now=NOW)
    assert [action for action, _ in trail()] == [
        "payment_method.added",
        "payment_method.default_changed",
        "payment_method.added",
        "payment_method.default_changed",
        "payment_method.removed",
    ]
    said = " ".join(str((each.before, each.after)) for each in db.session.scalars(select(AuditEntry)))
    assert "4242" not in said
    assert "3000" not in said


def test_changes_that_stripe_reports_are_in_the_audit_trail_as_made_by_stripe(wallet, acme):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    db.session.refresh(acme)
    queue.ask_for_check(acme, setup_id_of(client_secret), is_live=False, now=NOW)
    db.session.commit()
    process_events(stripe=stripe(), now=NOW)
    assert trail() == [("payment_method.added", "stripe"), ("payment_method.default_changed", "stripe")]


@pytest.fixture
def processing(wallet, monkeypatch) -> str:
    """A set-up over which the bank still thinks."""
    client_secret = wallet.begin()
    known = stripe().setup_of
    monkeypatch.setattr(
        stripe(), "setup_of", lambda setup_id: replace(known(setup_id), status=SetupStatus.PROCESSING)
    )
    wallet.come_back(client_secret)
    monkeypatch.setattr(stripe(), "setup_of", known)
    return client_secret


def test_a_set_up_that_the_bank_still_checks_is_shown_as_being_checked(processing, wallet):
    page = wallet.client.page(wallet.url)
    assert "Your bank is still checking." in page.select_one("#notices").text
    assert "is being checked" in page.select_one("#payment_method_list").text


def test_a_set_up_is_shown_as_being_checked_while_the_bank_checks(processing, wallet, monkeypatch):
    known = stripe().setup_of
    monkeypatch.setattr(
        stripe(), "setup_of", lambda setup_id: replace(known(setup_id), status=SetupStatus.PROCESSING)
    )
    assert process_events(stripe=stripe(), now=NOW) == (0, 1)
    assert "is being checked" in wallet.client.page(wallet.url).select_one("#payment_method_list").text


def test_a_payment_method_is_listed_once_the_bank_agrees(processing, wallet):
    type_in(wallet.stripe_url, processing, CARD)
    assert process_events(stripe=stripe(), now=NOW) == (1, 0)
    assert len(wallet.list()) == 1
    assert "being checked" not in wallet.client.page(wallet.url).select_one("#payment_method_list").text


def test_a_set_up_that_the_bank_refused_is_shown_for_a_week(processing, wallet, clock):
    type_in(wallet.stripe_url, processing, DECLINED)
    assert process_events(stripe=stripe(), now=NOW) == (1, 0)
    shown = wallet.client.page(wallet.url).select_one("#payment_method_list").text
    assert "was refused: Your card was declined." in shown
    clock.at = NOW.replace(day=18)
    assert "refused" not in wallet.client.page(wallet.url).select_one("#payment_method_list").text
