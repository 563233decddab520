"""When Stripe fails: pages stay up and say so, in time, and nothing is lost or half done."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from portal.gateways.stripe import StripeGateway
from portal.payment_methods import queue
from portal.services import stripe
from portal.storage import db
from portal.webhooks.steps import process_events
from tests.factories import NOW
from tests.gateways.faults import MODES, Faults, faults_before
from tests.page import htmx
from tests.payment_methods.browser import ACCOUNT, CARD, at_stripe, setup_id_of, type_in

_DEADLINE_MILLISECONDS = 200
_LATEST_SECONDS = 2.5
_AS_OF = re.compile(r"As of 10 Mar 2026, 12:30 UTC")


@dataclass
class Outage:
    """A wallet with a card and a mandate, and a set-up on its way, before Stripe fails."""

    faults: Faults
    app: object
    monkeypatch: pytest.MonkeyPatch
    client_secret: str

    def stripe_anew(self, milliseconds: int = _DEADLINE_MILLISECONDS) -> None:
        """Forget what the last call learned: each page meets the fault as if it were the first."""
        gateway = StripeGateway("sk_test_sandbox", self.faults.url, milliseconds)
        gateway._api.client  # noqa: B018 - the package's import is not what is measured
        known = self.app.extensions["portal.providers"]
        self.monkeypatch.setitem(self.app.extensions, "portal.providers", replace(known, stripe=gateway))


@pytest.fixture
def outage(app, wallet, stripe_url, monkeypatch) -> Iterator[Outage]:
    wallet.add(CARD)
    wallet.add(ACCOUNT)
    client_secret = wallet.begin()
    type_in(stripe_url, client_secret, CARD | {"card[number]": "5555555555554444"})
    with faults_before(stripe_url) as faults:
        outage = Outage(faults, app, monkeypatch, client_secret)
        outage.stripe_anew()
        yield outage


def shown(client, answer, url: str):
    """Return the page that a browser ends on."""
    if answer.status_code == 303:
        assert answer.location == url
        return client.page(url)
    raise AssertionError(answer.status_code)


@pytest.mark.parametrize("mode", MODES)
def test_every_page_answers_in_time_and_says_the_age_of_its_data_while_stripe_is_down(
    outage, wallet, admin, url, mode
):
    methods = wallet.list()
    second = methods[1]["id"]
    come_back = f"{url}/return?setup_intent={setup_id_of(outage.client_secret)}"
    admin.page(url)
    changes = [
        lambda: admin.get(come_back),
        lambda: admin.submit(f"{url}/{second}/set_default"),
        lambda: admin.submit(f"{url}/{second}/remove"),
        lambda: admin.submit(f"{url}/{methods[0]['id']}/remove", new_default=second),
    ]
    outage.faults.fail(mode)
    for change in changes:
        outage.stripe_anew()
        started = time.monotonic()
        answer = change()
        assert time.monotonic() - started < _LATEST_SECONDS
        page = shown(admin, answer, url)
        notice = page.select_one("#notices").text
        assert "being checked" in notice or "did not answer" in notice
        assert "4242" in page.select_one(".methods").text
        assert _AS_OF.search(page.select_one("#payment_method_list").text)
    for path in (url, f"{url}/new"):
        admin.page(path)
    assert wallet.list() == methods


@pytest.mark.parametrize("mode", MODES)
def test_a_program_gets_503_in_time_while_stripe_is_down(outage, wallet, mode):
    methods = wallet.list()
    second = methods[1]["id"]
    calls = [
        lambda: wallet.post("payment_intent"),
        lambda: wallet.post("create_and_attach", json={"payment_method_id": "pm_1"}),
        lambda: wallet.send("PUT", f"{second}/set_default"),
        lambda: wallet.send("DELETE", second),
    ]
    outage.faults.fail(mode)
    for call in calls:
        outage.stripe_anew()
        started = time.monotonic()
        answer = call()
        assert time.monotonic() - started < _LATEST_SECONDS
        assert (answer.status_code, answer.json["errors"][0]["code"]) == (503, "provider_unavailable")
        assert "failed" not in answer.json["errors"][0]["message"]
    assert wallet.list() == methods


@pytest.mark.parametrize("mode", MODES)
def test_no_set_up_is_lost_and_none_waits_after_an_outage_of_stripe(outage, wallet, admin, url, acme, mode):
    second = wallet.list()[1]["id"]
    outage.faults.fail(mode)
    wallet.come_back(outage.client_secret)
    wallet.send("PUT", f"{second}/set_default")
    assert process_events(stripe=stripe(), now=NOW).done == 0
    db.session.expire_all()
    assert "is being checked" in admin.page(url).select_one("#payment_method_list").text
    outage.faults.recover()
    outage.stripe_anew(5000)
    process_events(stripe=stripe(), now=NOW.replace(minute=31))
    assert queue.waiting() == []
    page = admin.page(url)
    assert "is being checked" not in page.text
    assert "Mastercard" in page.select_one(".methods").text
    at_stripe_now = at_stripe(wallet.stripe_url, f"payment_methods?customer={acme.stripe_customer_id}")
    assert len(wallet.list()) == len(at_stripe_now["data"]) == 3
    assert [each["id"] for each in wallet.list() if each["default"]] == [
        each["id"] for each in wallet.list()[:1]
    ]


def test_two_calls_of_one_page_to_stripe_share_the_deadline(outage, wallet, admin, url):
    second = wallet.list()[1]["id"]
    admin.page(url)
    outage.faults.fail("black hole")
    outage.stripe_anew(2000)
    started = time.monotonic()
    shown(admin, admin.submit(f"{url}/{wallet.list()[0]['id']}/remove", new_default=second), url)
    assert time.monotonic() - started < 3.5  # two questions with two deadlines would take four


def test_the_list_of_payment_methods_says_that_stripe_is_not_being_called(outage, wallet, admin, url):
    second = wallet.list()[1]["id"]
    outage.faults.fail("refused")
    for _ in range(5):
        wallet.send("PUT", f"{second}/set_default")
    text = admin.page(url).select_one("#payment_method_list").text
    assert "does not answer right now. What you see is as of 10 Mar 2026, 12:30 UTC" in " ".join(text.split())


def test_htmx_shows_a_failure_of_stripe_in_the_notices(outage, wallet, admin, url):
    second = wallet.list()[1]["id"]
    admin.page(url)
    outage.faults.fail("refused")
    headers = htmx("payment_method_list") | {"X-CSRFToken": admin.csrf_token}
    answer = admin.post(f"{url}/{second}/set_default", headers=headers)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (503, "#notices")


def test_a_set_up_that_stripe_does_not_have_is_not_checked_for_ever(outage, wallet, url, acme):
    outage.faults.fail("refused")
    for number in range(30):
        wallet.client.get(f"{url}/return?setup_intent=seti_{number}")
    assert len(queue.checks_of(acme, now=NOW)) == 20
    outage.faults.recover()
    outage.stripe_anew(5000)
    process_events(stripe=stripe(), now=NOW)
    assert queue.waiting() == []
    assert queue.checks_of(acme, now=NOW) == []
