"""The worker, called by hand, and events as Stripe keeps them."""

from collections.abc import Callable

import pytest

from portal.services import stripe
from portal.storage import db
from portal.webhooks import steps
from tests.payment_methods.browser import at_stripe


@pytest.fixture(autouse=True)
def _without_events_of_other_tests(stripe_stand_in) -> None:
    """Forget what happened at Stripe before: who catches up reads all that there is."""
    stripe_stand_in.extensions["stripe_sandbox"].store._write("DELETE FROM object WHERE kind = 'event'", ())


@pytest.fixture
def work(app, clock) -> Callable[[], steps.Processed]:
    """Let the worker run once, at the time of the test."""

    def once() -> steps.Processed:
        done = steps.process_events(stripe=stripe(), now=clock.at)
        db.session.expire_all()
        return done

    return once


@pytest.fixture
def event_about(sandboxes):
    """The newest event of a type about an object, as Stripe keeps it."""

    def find(kind: str, object_id: str) -> dict:
        events = at_stripe(sandboxes.stripe_url, f"events?type={kind}&limit=100")["data"]
        return next(each for each in events if each["data"]["object"]["id"] == object_id)

    return find
