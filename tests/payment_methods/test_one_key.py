"""One call that makes something has one key: a crash, a day or a double click makes nothing twice."""

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.stripe import StripeGateway
from portal.models import Organization
from portal.payment_methods import actions, steps
from portal.sandbox import stripe as sandbox
from portal.services import stripe
from portal.storage import db
from tests.factories import NOW
from tests.payment_methods.browser import at_stripe, setup_id_of


@dataclass
class ForgetfulStripe:
    """A Stripe of our own, which forgets idempotency keys when it is told to."""

    app: Flask
    url: str

    def forget_keys(self) -> None:
        self.app.extensions["stripe_sandbox"].store.kept_answer = lambda _: None

    def count(self, kind: str) -> int:
        return len(at_stripe(self.url, f"{kind}?limit=100")["data"])


@pytest.fixture
def forgetful(app, monkeypatch) -> Iterator[ForgetfulStripe]:
    stand_in = sandbox.create_app()
    server = make_server("127.0.0.1", 0, stand_in, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    known = app.extensions["portal.providers"]
    gateway = StripeGateway("sk_test_sandbox", url, 5000)
    monkeypatch.setitem(app.extensions, "portal.providers", replace(known, stripe=gateway))
    yield ForgetfulStripe(stand_in, url)
    server.shutdown()
    thread.join()
    server.server_close()
    stand_in.extensions["stripe_sandbox"].close()


def begin(organization: Organization, *, days: float = 0, key: str | None = None) -> str:
    now = NOW + dt.timedelta(days=days)
    return steps.begin_setup(organization, stripe=stripe(), request_key=key, now=now)


class CrashError(Exception):
    """The process ended here."""


def crash(*_) -> None:
    raise CrashError


@pytest.mark.parametrize("hours", [0, 25, 24 * 40])
def test_a_crash_after_making_a_stripe_customer_makes_no_second_customer(acme, forgetful, monkeypatch, hours):
    with monkeypatch.context() as broken:
        broken.setattr(actions, "remember_customer", crash)
        with pytest.raises(CrashError):
            begin(acme)
    db.session.rollback()
    assert (forgetful.count("customers"), acme.stripe_customer_id) == (1, None)
    if hours:
        forgetful.forget_keys()
    begin(acme, days=hours / 24)
    assert forgetful.count("customers") == 1
    assert acme.stripe_customer_id


@pytest.mark.parametrize("hours", [0, 25])
def test_a_repeated_request_is_the_same_set_up_even_a_day_later(acme, forgetful, hours):
    first = begin(acme, key="one click")
    if hours:
        forgetful.forget_keys()
    assert begin(acme, days=hours / 24, key="one click") == first
    assert forgetful.count("setup_intents") == 1
    assert begin(acme, key="another click") != first


def test_a_retry_of_an_old_request_without_an_effect_begins_a_set_up(acme, forgetful, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(stripe(), "begin_setup", crash)
        with pytest.raises(CrashError):
            begin(acme, key="one click")
    db.session.rollback()
    assert forgetful.count("setup_intents") == 0
    assert begin(acme, days=2, key="one click") == begin(acme, days=2, key="one click")
    assert forgetful.count("setup_intents") == 1


def test_a_double_click_makes_one_customer_and_one_set_up(admin, acme, app, url, forgetful):
    admin.page(url)
    headers = {
        "Accept": "application/json",
        "X-CSRFToken": admin.csrf_token,
        "Idempotency-Key": "click",
        "Cookie": "; ".join(f"{each.key}={each.value}" for each in admin._cookies.values()),
    }

    def click(_: int) -> str:
        with app.app_context():
            client = FlaskClient(app, use_cookies=False)
            return client.post(f"{url}/payment_intent", headers=headers).json["client_secret"]

    with ThreadPoolExecutor(4) as threads:
        secrets = set(threads.map(click, range(4)))
    assert len(secrets) == 1
    assert (forgetful.count("customers"), forgetful.count("setup_intents")) == (1, 1)


def test_the_successor_of_a_deleted_stripe_customer_has_its_own_idempotency_key(acme, forgetful):
    begin(acme)
    old = acme.stripe_customer_id
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    requests.delete(f"{forgetful.url}/v1/customers/{old}", headers=headers, timeout=10)
    steps.compare(acme, stripe=stripe(), now=NOW)
    begin(acme)
    assert acme.stripe_customer_id not in {None, old}
    assert forgetful.count("customers") == 1


def test_a_failure_that_stripe_repeats_does_not_hide_the_customer_it_made(acme, forgetful, monkeypatch):
    known = stripe().create_customer

    def fail_after(*facts: object) -> str:
        known(*facts)
        raise ProviderUnavailableError

    monkeypatch.setattr(stripe(), "create_customer", fail_after)
    with pytest.raises(ProviderUnavailableError):
        begin(acme)
    begin(acme)
    assert forgetful.count("customers") == 1


def test_a_set_up_at_stripe_names_the_request_that_began_it(acme, forgetful):
    setup = at_stripe(forgetful.url, f"setup_intents/{setup_id_of(begin(acme, key='one click'))}")
    assert len(setup["metadata"]["request"]) == 64
