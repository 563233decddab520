"""When Stripe does not answer: pages stay up, writes say so in time, and nothing is half done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from portal.gateways.stripe import StripeGateway
from tests.gateways.silence import silent_provider


@pytest.fixture
def silence(app, wallet, monkeypatch) -> Iterator[dict]:
    """A wallet with one card, after which Stripe falls silent."""
    method = wallet.add()
    known = app.extensions["portal.providers"]
    with silent_provider() as url:
        stripe = StripeGateway("sk_test_sandbox", url, 300)
        providers = replace(known, stripe=stripe)
        monkeypatch.setitem(app.extensions, "portal.providers", providers)
        yield method


def test_the_list_does_not_need_stripe(wallet, silence, admin, url):
    assert wallet.list() == [silence]
    assert "4242" in admin.page(url).select_one(".methods").text


def test_a_write_answers_503_in_time(wallet, silence):
    started = time.monotonic()
    answers = [
        wallet.post("payment_intent"),
        wallet.post("create_and_attach", json={"payment_method_id": "pm_1"}),
        wallet.send("PUT", f"{silence['id']}/set_default"),
        wallet.send("DELETE", silence["id"]),
    ]
    assert time.monotonic() - started < 4 * 0.3 + 5
    assert [each.status_code for each in answers] == [503] * 4
    assert answers[0].json["errors"][0]["code"] == "provider_unavailable"
    assert wallet.list() == [silence]
