"""Four events in all of their orders, each told one to five times, with two workers: one state, told once."""

import itertools
import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.models import AuditEntry, Organization, PaymentMethod
from portal.payment_methods import queue
from portal.services import stripe
from portal.storage import db
from portal.webhooks.steps import process_events
from tests.factories import NOW, make_organization
from tests.payment_methods.browser import ACCOUNT, CARD, at_stripe, type_in
from tests.payment_methods.conftest import stripe_url, wallet, wallet_of
from tests.webhooks.letters import Letter

__all__ = ["stripe_url", "wallet", "wallet_of"]  # fixtures

_ORDERS = list(itertools.permutations(range(4)))
_ROUNDS = 9
_TIMES = (1, 1, 1, 2, 5)
_WORKERS = 2
_LETTERS_BETWEEN_WORK = 40


@dataclass
class Story:
    """A card was the default; a mandate took its place, and the card was removed. We heard of none of it."""

    customer_id: str
    card_id: str
    mandate_method_id: str
    events: Sequence[dict]

    def begin(self, number: int) -> Organization:
        """Return an organization to which all this happened, and who knows of the card alone."""
        organization = make_organization(f"Acme {number}")
        organization.stripe_customer_id = f"{self.customer_id}{number}"
        card = PaymentMethod(
            organization_id=organization.id,
            id=1,
            stripe_id=self.card_id,
            payment_type="card",
            brand="visa",
            is_default=True,
            created_at=NOW,
            synced_at=NOW,
        )
        db.session.add(card)
        return organization

    def letters(self, number: int, order: Sequence[int], times: Sequence[int]) -> list[Letter]:
        """Return the events as this organization's customer would cause them."""
        told = []
        for place in order:
            event = self.events[place] | {"id": f"evt_{place}_{number}"}
            text = json.dumps(event).replace(self.customer_id, f"{self.customer_id}{number}")
            told += [Letter.of(json.loads(text))] * times[place]
        return told


@pytest.fixture
def story(app, wallet, event_about, acme, monkeypatch) -> Story:
    wallet.add(CARD)
    card_id = db.session.scalar(select(PaymentMethod.stripe_id))
    setup = type_in(wallet.stripe_url, wallet.begin(), ACCOUNT).json()
    new_id = setup["payment_method"]
    db.session.refresh(acme)
    customer_id = acme.stripe_customer_id
    at_stripe(
        wallet.stripe_url, f"customers/{customer_id}", **{"invoice_settings[default_payment_method]": new_id}
    )
    at_stripe(wallet.stripe_url, f"payment_methods/{card_id}/detach", **{"expand[]": "customer"})
    events = [
        event_about("setup_intent.succeeded", setup["id"]),
        event_about("payment_method.attached", new_id),
        event_about("customer.updated", customer_id),
        event_about("payment_method.detached", card_id),
    ]
    # Nothing happens at Stripe any more, so each of the customers has what this one has.
    found = stripe().methods_of(customer_id)
    mandate = stripe().mandate_of(customer_id, new_id)
    monkeypatch.setattr(stripe(), "methods_of", lambda _: found)
    monkeypatch.setattr(stripe(), "mandate_of", lambda *_: mandate)
    return Story(customer_id, card_id, new_id, events)


def tell(app: Flask, sequences: Sequence[Sequence[Letter]]) -> set[int]:
    """Hand out the letters, those of a sequence in its order; two workers work off what is there."""
    rounds = itertools.zip_longest(*sequences)
    letters = [letter for each in rounds for letter in each if letter is not None]
    statuses: set[int] = set()

    def deliver(some: Sequence[Letter]) -> None:
        for number, letter in enumerate(some, 1):
            with app.app_context():
                statuses.add(letter.deliver(FlaskClient(app, Response)).status_code)
            if number % _LETTERS_BETWEEN_WORK == 0:
                with app.app_context():
                    process_events(stripe=stripe(), now=NOW)

    threads = [
        threading.Thread(target=deliver, args=(letters[place::_WORKERS],)) for place in range(_WORKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def state_of(organization: Organization) -> list[tuple]:
    query = select(PaymentMethod).where(PaymentMethod.organization_id == organization.id)
    return [
        (row.stripe_id, row.payment_type, row.is_default, bool(row.mandate_url), row.mandate_status)
        for row in db.session.scalars(query)
    ]


def trail_of(organization: Organization) -> list[str]:
    query = select(AuditEntry.action).where(AuditEntry.organization_id == organization.id)
    return sorted(each for each in db.session.scalars(query) if each.startswith("payment_method."))


@pytest.mark.timeout(300)  # a loaded machine takes its time over two thousand letters
def test_any_order_and_repetition_of_stripe_events_end_in_the_same_state(app, story):
    chance = random.Random(12)
    wanted = [(order, [chance.choice(_TIMES) for _ in range(4)]) for order in _ORDERS * _ROUNDS]
    wanted[0] = (range(4), [1, 1, 1, 1])  # in order, and once
    organizations = [story.begin(number) for number in range(len(wanted))]
    db.session.commit()
    sequences = [story.letters(number, *each) for number, each in enumerate(wanted)]
    assert tell(app, sequences) == {200}
    while process_events(stripe=stripe(), now=NOW.replace(hour=13)).done:
        db.session.expire_all()
    assert queue.waiting() == []
    found = [(state_of(each), trail_of(each)) for each in organizations]
    assert found[0] == (
        [(story.mandate_method_id, "sepa_debit", True, True, "active")],
        ["payment_method.added", "payment_method.default_changed", "payment_method.removed"],
    )
    different = [each for each, seen in zip(wanted, found, strict=True) if seen != found[0]]
    assert different == []
    assert len(found) >= 200
