"""The loop beside the clock: what Stripe tells is settled within a second or so, whatever else happens."""

from portal.domain.errors import ProviderUnavailableError
from portal.scheduler import loop
from portal.scheduler.step import Step
from portal.services import stripe
from portal.storage import db
from tests.payment_methods.browser import CARD, setup_id_of, type_in
from tests.payment_methods.conftest import stripe_url, wallet, wallet_of
from tests.webhooks.letters import Letter

__all__ = ["stripe_url", "wallet", "wallet_of"]  # fixtures


class Rounds:
    """Stops the loop after so many rounds, and waits for nothing."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.waited: list[float] = []

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False


def test_a_stripe_event_is_processed_in_the_round_after_it_came(app, wallet, event_about, nobody):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    Letter.of(event_about("setup_intent.succeeded", setup_id_of(client_secret))).deliver(nobody)
    rounds = Rounds(2)
    loop.follow_stripe(app, rounds)
    db.session.expire_all()
    assert len(wallet.list()) == 1
    assert rounds.waited == [1, 1]


def test_the_loop_of_stripe_events_catches_up_with_missed_events_at_its_start(app, wallet):
    type_in(wallet.stripe_url, wallet.begin(), CARD)
    loop.follow_stripe(app, Rounds(1))
    db.session.expire_all()
    assert len(wallet.list()) == 1


def test_a_failed_round_of_stripe_events_is_logged_and_the_next_round_goes_on(
    app, wallet, monkeypatch, caplog
):
    def refuse(*_: object) -> None:
        raise ProviderUnavailableError

    monkeypatch.setattr(stripe(), "events_since", refuse)
    rounds = Rounds(3)
    loop.follow_stripe(app, rounds)
    assert len(rounds.waited) == 3
    assert "the next round goes on" in caplog.text


def test_missed_events_are_asked_for_an_hour_later_or_a_minute_after_a_failure(app, monkeypatch):
    asked_in = []
    failures = iter([True, False])

    def reconcile(now) -> str:
        asked_in.append(len(rounds.waited))
        if next(failures, False):
            raise ProviderUnavailableError
        return ""

    rounds = Rounds(3700)
    monkeypatch.setattr(loop, "RECONCILE", Step("reconcile", reconcile))
    monkeypatch.setattr(loop, "STRIPE_EVENTS", Step("stripe_events", lambda _: ""))
    monkeypatch.setattr("portal.scheduler.step._record", lambda *_, **__: None)
    loop.follow_stripe(app, rounds)
    assert asked_in == [0, 60, 3660]
