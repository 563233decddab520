"""The outbox: in order per organization, at least once, poison visible and in nobody's way."""

import datetime as dt

import pytest

from portal.delivery import outbox
from portal.delivery.outbox import AFTER_FAILURE, ATTEMPTS_MAX, retry_stuck, undelivered
from portal.gateways.invoicing import InvoicingRateLimitedError, InvoicingUnavailableError
from portal.models import Delivery, Organization
from portal.storage import db
from tests.delivery.oddities import Watched, raises
from tests.delivery.rows import make_customer, make_invoice
from tests.factories import FEBRUARY, JANUARY, MARCH, NOW
from tests.months import deliver

LINES = [("production", "vm.medium", "744", "0.5")]
_BEYOND = AFTER_FAILURE.longest + dt.timedelta(minutes=1)  # a run takes a moment itself
DOWN = InvoicingUnavailableError()


def fails_for(organization):
    """The provider never answers about one customer."""

    def oddity(method, *args):
        if args[0] in {organization.number, organization.invoicing_customer_id}:
            raise DOWN
        return method(*args)

    return oddity


@pytest.fixture
def acme_months(app):
    customer = make_customer("Acme GmbH")
    return [make_invoice(customer, *LINES, month=each) for each in (MARCH, JANUARY, FEBRUARY)]


@pytest.fixture
def poisoned(app):
    return make_customer("Poisoned GmbH")


def test_the_documents_of_an_organization_are_made_in_the_order_of_its_months(account, acme_months):
    assert deliver(account.gateway, now=NOW).delivered == 3
    march, january, february = (each.provider_document_id for each in acme_months)
    organization = db.session.get(Organization, acme_months[0].organization_id)
    made = [document.id for document in account.documents(organization)]
    assert made == [january, february, march]


def test_a_later_month_waits_until_the_earlier_month_is_delivered(account, acme_months):
    gateway = Watched(account.gateway, documents_of=raises(DOWN))
    deliver(gateway, now=NOW)
    assert [each.attempts for each in acme_months] == [0, 1, 0]
    assert deliver(account.gateway, now=NOW).delivered == 0, "January is not due yet, so nothing is"

    assert deliver(account.gateway, now=NOW + dt.timedelta(minutes=2)).delivered == 3


def test_a_month_that_another_worker_delivers_keeps_later_months_waiting(account, acme_months):
    _, january, _ = acme_months
    key = outbox.Key(january.organization_id, january.id)
    assert outbox.claim(key, NOW, document_on=NOW.date())
    assert deliver(account.gateway, now=NOW).delivered == 0


def test_a_stuck_month_keeps_no_other_month_waiting(account, acme_months):
    march, january, february = acme_months
    january.delivery, january.last_error = Delivery.STUCK, "It looks odd."
    db.session.commit()
    assert deliver(account.gateway, now=NOW).delivered == 2
    assert {march.delivery, february.delivery} == {Delivery.DELIVERED}


def test_a_delivery_that_always_fails_is_stuck_after_twenty_attempts_with_its_reason(account, poisoned):
    bad = make_invoice(poisoned, *LINES)
    at, delivered = NOW, 0
    gateway = Watched(account.gateway, customer_by_number=fails_for(poisoned))
    for number in range(ATTEMPTS_MAX):
        make_invoice(make_customer(f"Customer {number}"), *LINES)
        delivered += deliver(gateway, now=at).delivered
        at += _BEYOND

    assert delivered == ATTEMPTS_MAX, "each other one went through at once"
    assert (bad.delivery, bad.attempts) == (Delivery.STUCK, ATTEMPTS_MAX)
    assert bad.last_error.startswith(f"It failed {ATTEMPTS_MAX} times")
    assert "did not answer in time" in bad.last_error
    before = len(gateway.calls)
    deliver(gateway, now=at + _BEYOND)
    assert len(gateway.calls) == before

    assert [(owner.id, invoice.id) for owner, invoice in undelivered()] == [(poisoned.id, bad.id)]
    assert retry_stuck(poisoned.id) == 1
    assert deliver(account.gateway, now=at).delivered == 1


def test_progress_of_a_delivery_begins_the_count_of_attempts_anew(account, poisoned):
    bad = make_invoice(poisoned, *LINES)
    at = NOW
    for _ in range(ATTEMPTS_MAX - 1):
        deliver(Watched(account.gateway, customer_by_number=raises(DOWN)), now=at)
        at += _BEYOND
    deliver(Watched(account.gateway, finish=raises(DOWN)), now=at)
    assert (bad.delivery, bad.attempts) == (Delivery.DRAFTED, 1)


def test_a_rate_limit_is_no_failed_attempt_of_a_delivery(account, poisoned):
    invoice = make_invoice(poisoned, *LINES)
    at = NOW
    for _ in range(ATTEMPTS_MAX + 1):
        limited = InvoicingRateLimitedError(retry_after_seconds=30)
        deliver(Watched(account.gateway, customer_by_number=raises(limited)), now=at)
        assert round((invoice.next_attempt_at - at).total_seconds()) == 30
        at = invoice.next_attempt_at
    assert (invoice.delivery, invoice.attempts) == (Delivery.PENDING, 0)


def test_a_delivery_run_that_is_told_to_stop_while_it_waits_stops(account, poisoned):
    make_invoice(poisoned, *LINES)
    gateway = Watched(account.gateway, customer_by_number=raises(InvoicingRateLimitedError()))
    deliver(gateway, now=NOW, wait=lambda _: True)
    assert gateway.calls == ["customer_by_number"]


def test_a_delivery_worker_whose_lease_was_taken_finishes_nothing(account, poisoned):
    invoice = make_invoice(poisoned, *LINES)

    def late(method, *args):
        document = method(*args)
        taken = {"leased_until": NOW + dt.timedelta(hours=1)}
        db.session.execute(db.update(type(invoice)).values(taken))
        db.session.commit()
        return document

    gateway = Watched(account.gateway, create_draft=late)
    assert deliver(gateway, now=NOW).skipped == 1
    assert "finish" not in gateway.calls
    (document,) = account.documents(poisoned)
    assert document.is_draft
