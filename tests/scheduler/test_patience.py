"""A provider's plan keeps no other step waiting: a delivery ends after five minutes, and goes on later."""

import dataclasses

import pytest

from portal.gateways.invoicing import InvoicingRateLimitedError
from portal.models import Delivery, SchedulerStep
from portal.scheduler import patience
from portal.scheduler.patience import Patience
from portal.scheduler.tick import tick
from portal.storage import db
from tests.delivery.rows import make_invoice, own_customer
from tests.factories import NOW


def test_patience_ends_before_a_wait_that_would_be_too_long(monkeypatch):
    now = [1000.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    patient = Patience(wait)
    assert [patient(100) is True for _ in range(4)] == [False, False, False, True]
    assert patient.is_over


def test_patience_passes_on_that_the_clock_is_told_to_stop():
    patient = Patience(lambda _: True)
    assert patient(1) is True
    assert not patient.is_over


@pytest.fixture
def easybill_has_no_calls_left(app, monkeypatch):
    class Limited:
        name = "EasyBill"

        def __getattr__(self, name: str):
            def refuse(*_: object, **__: object) -> None:
                raise InvoicingRateLimitedError("No more calls.", retry_after_seconds=301)

            return refuse

    providers = dataclasses.replace(app.extensions["portal.providers"], invoicing=Limited())
    monkeypatch.setitem(app.extensions, "portal.providers", providers)


def test_a_delivery_that_the_plan_of_the_provider_ends_is_complete(easybill_has_no_calls_left, acme):
    invoice = make_invoice(own_customer(acme), ("production", "vm", "744", "0.5"))
    results = {result.name: result for result in tick(NOW, wait=lambda _: True).results}
    assert results["delivery"].is_done
    assert "1 waiting" in results["delivery"].summary
    db.session.expire_all()
    assert db.session.get_one(SchedulerStep, "delivery").last_completed_at
    assert invoice.delivery == Delivery.PENDING
