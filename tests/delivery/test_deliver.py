import dataclasses
import datetime as dt
import hashlib
from decimal import Decimal

import pytest

from portal.delivery.outbox import AFTER_FAILURE, QUEUE, retry_stuck
from portal.delivery.sync import sync
from portal.domain.vat import VatCase
from portal.gateways.invoicing import (
    InvoicingKeyRefusedError,
    InvoicingRateLimitedError,
    InvoicingRefusedError,
    InvoicingUnavailableError,
)
from portal.models import Delivery, LegalDocument, LegalDocumentFile
from portal.profile import actions
from portal.storage import db
from tests.delivery.oddities import Killed, Watched, after, raises
from tests.delivery.rows import LINES, make_customer, make_invoice
from tests.factories import NOW, Address
from tests.months import deliver

LATER = NOW + QUEUE.lease + dt.timedelta(minutes=1)  # no dead worker holds anything any more
VIENNA = Address("Ring 1", "1010", "Wien", "AT")


@pytest.fixture
def customer(app):
    return make_customer()


@pytest.fixture
def invoice(customer):
    return make_invoice(customer, *LINES)


def only_document(account, organization):
    (document,) = account.documents(organization)
    return document


def test_a_delivered_document_is_kept_with_its_pdf(account, customer, invoice):
    deliver(account.gateway, now=NOW)

    document = only_document(account, customer)
    row = db.session.scalars(db.select(LegalDocument)).one()
    assert (row.provider_document_id, row.number) == (document.id, document.number)
    assert (row.invoice_id, row.type, row.currency) == (invoice.id, "INVOICE", "EUR")
    assert (row.document_on, row.due_on) == (dt.date(2026, 3, 10), dt.date(2026, 3, 24))
    assert (row.net_cents, row.gross_cents) == (13377, 15919)
    assert (row.paid_on, row.is_cancelled) == (None, False)
    file = db.session.scalars(db.select(LegalDocumentFile)).one()
    pdf = account.gateway.pdf_of(document.id)
    assert file.content == pdf
    assert file.sha256 == hashlib.sha256(pdf).hexdigest()
    assert (invoice.delivery, invoice.provider_document_id) == (Delivery.DELIVERED, row.provider_document_id)
    assert (invoice.leased_until, invoice.last_error, invoice.attempts) == (None, None, 0)


def test_the_delivery_for_an_eu_customer_without_vat_id_is_stuck_and_stops_no_other(account, invoice):
    undetermined = make_invoice(make_customer(address=VIENNA), *LINES)
    counts = deliver(account.gateway, now=NOW)

    assert (counts.delivered, counts.stuck) == (1, 1)
    assert undetermined.delivery == Delivery.STUCK
    assert "VAT id" in undetermined.last_error
    assert undetermined.provider_document_id is None
    assert invoice.delivery == Delivery.DELIVERED


def test_a_stuck_delivery_goes_on_once_it_is_retried(account, app):
    customer = make_customer(address=VIENNA)
    invoice = make_invoice(customer, *LINES)
    deliver(account.gateway, now=NOW)
    customer.vat_id = "ATU13585627"
    db.session.commit()
    assert deliver(account.gateway, now=NOW + AFTER_FAILURE.longest).delivered == 0

    assert retry_stuck(customer.id) == 1
    assert deliver(account.gateway, now=NOW + AFTER_FAILURE.longest).delivered == 1
    assert invoice.delivery == Delivery.DELIVERED


def test_an_invoice_of_nothing_to_pay_makes_no_document(app):
    make_invoice(make_customer(), ("production", "free tier", "744", "0"))
    gateway = Watched(None)
    counts = deliver(gateway, now=NOW)

    assert counts.delivered == 0
    assert gateway.calls == []


def test_two_delivery_runs_make_one_document(account, customer, invoice):
    assert deliver(account.gateway, now=NOW).delivered == 1
    assert deliver(account.gateway, now=LATER).delivered == 0
    only_document(account, customer)


@pytest.mark.parametrize("when", [raises, after])
@pytest.mark.parametrize(
    "method", ["customer_by_number", "create_customer", "documents_of", "create_draft", "finish", "pdf_of"]
)
def test_a_delivery_killed_at_any_call_is_finished_by_the_next_run(account, customer, invoice, method, when):
    with pytest.raises(Killed):
        deliver(Watched(account.gateway, **{method: when(Killed())}), now=NOW)
    db.session.rollback()
    assert deliver(account.gateway, now=NOW).delivered == 0, "the dead worker's lease still holds"

    assert deliver(account.gateway, now=LATER).delivered == 1
    document = only_document(account, customer)
    assert not document.is_draft
    assert db.session.scalars(db.select(LegalDocument.provider_document_id)).all() == [document.id]


@pytest.mark.parametrize("method", ["create_customer", "create_draft", "finish", "pdf_of"])
def test_a_document_whose_answer_was_lost_is_found_again(account, customer, invoice, method):
    deliver(Watched(account.gateway, **{method: after(InvoicingUnavailableError())}), now=NOW)
    assert invoice.attempts == 1
    assert "did not answer" in invoice.last_error

    assert deliver(account.gateway, now=NOW + dt.timedelta(minutes=2)).delivered == 1
    assert not only_document(account, customer).is_draft


def test_the_day_of_the_document_is_fixed_before_the_first_call(account, customer, invoice):
    with pytest.raises(Killed):
        deliver(Watched(account.gateway, create_draft=after(Killed())), now=NOW)
    db.session.rollback()
    deliver(account.gateway, now=NOW + dt.timedelta(days=3))

    assert only_document(account, customer).document_on == dt.date(2026, 3, 10)


def test_a_document_delivered_late_in_the_evening_in_utc_has_the_next_day_of_berlin(
    account, customer, invoice
):
    deliver(account.gateway, now=dt.datetime(2026, 3, 10, 23, 30, tzinfo=dt.UTC))

    assert only_document(account, customer).document_on == dt.date(2026, 3, 11)


def test_two_workers_that_deliver_one_invoice_at_once_finish_one_document(account, customer, invoice):
    """The first is so slow that its lease runs out, and the second delivers meanwhile."""

    def late(method, *args):
        second = deliver(account.gateway, now=LATER)
        assert second.delivered == 1
        return method(*args)

    counts = deliver(Watched(account.gateway, create_draft=late), now=NOW)

    assert (counts.delivered, counts.skipped) == (0, 1)
    lost = [each for each in account.documents(customer) if each.is_draft]
    assert len(lost) == 1
    assert sync(account.gateway, now=LATER).lost_drafts == 1
    document = only_document(account, customer)
    assert document.id == invoice.provider_document_id
    assert (document.is_draft, invoice.delivery) == (False, Delivery.DELIVERED)


def test_a_slow_worker_that_finishes_a_finished_document_changes_nothing(account, customer, invoice):
    def late(method, *args):
        assert deliver(account.gateway, now=LATER).delivered == 1
        return method(*args)

    deliver(Watched(account.gateway, finish=late), now=NOW)

    assert not only_document(account, customer).is_draft
    assert db.session.scalars(db.select(LegalDocument)).one().invoice_id == invoice.id


def test_a_document_whose_totals_differ_by_a_cent_is_never_finished(account, customer, invoice):
    def odd(method, *args):
        document = method(*args)
        account.change_net(document.id, Decimal("133.76"))
        return account.gateway.document_of(document.id)

    counts = deliver(Watched(account.gateway, create_draft=odd), now=NOW)

    assert counts.stuck == 1
    assert only_document(account, customer).is_draft
    assert invoice.delivery == Delivery.STUCK
    assert "133.76 net" in invoice.last_error
    assert "133.77 EUR net" in invoice.last_error
    assert "was not finished" in invoice.last_error


def test_a_draft_that_somebody_deleted_is_made_anew(account, customer, invoice):
    with pytest.raises(Killed):
        deliver(Watched(account.gateway, finish=raises(Killed())), now=NOW)
    db.session.rollback()
    account.gateway.delete_draft(invoice.provider_document_id)

    assert deliver(account.gateway, now=LATER).delivered == 1
    assert not only_document(account, customer).is_draft


def test_each_failed_delivery_doubles_the_delay_up_to_six_hours(account, invoice):
    gateway = Watched(account.gateway, documents_of=raises(InvoicingUnavailableError()))
    at, delays = NOW, []
    for _ in range(11):
        deliver(gateway, now=at)
        delays.append(round((invoice.next_attempt_at - at) / dt.timedelta(minutes=1)))
        at = invoice.next_attempt_at

    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert (invoice.attempts, invoice.delivery) == (11, Delivery.PENDING)


def test_a_failed_delivery_is_not_tried_again_before_its_time(account, invoice):
    deliver(Watched(account.gateway, documents_of=raises(InvoicingUnavailableError())), now=NOW)
    gateway = Watched(account.gateway)
    deliver(gateway, now=NOW + dt.timedelta(seconds=30))

    assert gateway.calls == []


def test_a_rate_limit_ends_the_delivery_run_until_the_time_the_provider_names(account, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    limited = InvoicingRateLimitedError(retry_after_seconds=90)
    counts = deliver(Watched(account.gateway, customer_by_number=raises(limited)), now=NOW)

    assert (counts.retry, counts.waiting) == (1, 2)
    assert round((invoice.next_attempt_at - NOW).total_seconds()) == 90
    assert (other.attempts, other.next_attempt_at) == (0, None)


def test_a_delivery_run_that_may_wait_goes_on_after_a_rate_limit(account, invoice):
    answers = [InvoicingRateLimitedError(retry_after_seconds=60)]

    def once(method, *args):
        if answers:
            raise answers.pop()
        return method(*args)

    waited = []
    gateway = Watched(account.gateway, customer_by_number=once)
    counts = deliver(gateway, now=NOW, wait=waited.append)

    assert (counts.delivered, counts.retry, waited) == (1, 1, [60])


def test_a_key_that_the_provider_does_not_accept_makes_no_delivery_stuck(account, invoice):
    make_invoice(make_customer("Other GmbH"), *LINES)
    gateway = Watched(account.gateway, customer_by_number=raises(InvoicingKeyRefusedError()))
    counts = deliver(gateway, now=NOW)

    assert (counts.retry, counts.stuck) == (1, 0)
    assert invoice.delivery == Delivery.PENDING


def test_a_delivery_that_the_provider_refuses_is_stuck_with_its_reason(account, invoice):
    refused = InvoicingRefusedError("EasyBill refused the request: 400 (company_name).")
    deliver(Watched(account.gateway, create_customer=raises(refused)), now=NOW)

    assert (invoice.delivery, invoice.attempts) == (Delivery.STUCK, 1)
    assert invoice.last_error == "EasyBill refused the request: 400 (company_name)."


def test_a_bug_in_one_delivery_stops_no_other(account, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    errors = [ZeroDivisionError()]

    def once(method, *args):
        if errors:
            raise errors.pop()
        return method(*args)

    counts = deliver(Watched(account.gateway, customer_by_number=once), now=NOW)

    assert (counts.retry, counts.delivered) == (1, 1)
    assert (invoice.delivery, other.delivery) == (Delivery.PENDING, Delivery.DELIVERED)
    assert "our side" in invoice.last_error


def test_only_the_named_organizations_are_delivered(account, customer, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    deliver(account.gateway, now=NOW, organizations=[customer.id])

    assert (invoice.delivery, other.delivery) == (Delivery.DELIVERED, Delivery.PENDING)


def test_a_document_without_a_number_in_the_answer_is_not_taken_for_finished(account, customer, invoice):
    def half(method, *args):
        method(*args)
        return account.gateway.create_draft(customer.invoicing_customer_id, half.facts)

    def kept(method, customer_id, facts):
        half.facts = facts
        return method(customer_id, facts)

    deliver(Watched(account.gateway, create_draft=kept, finish=half), now=NOW)

    assert invoice.delivery == Delivery.DRAFTED
    assert "number" in invoice.last_error


def test_a_draft_from_before_a_change_of_the_case_of_vat_is_not_finished(account, app):
    """From Switzerland to Austria: no VAT before and none after, but another reason for it."""
    customer = make_customer(address=Address("Gasse 1", "8001", "Zürich", "CH"))
    invoice = make_invoice(customer, *LINES)
    deliver(Watched(account.gateway, finish=raises(InvoicingUnavailableError())), now=NOW)
    profile = dataclasses.replace(
        customer.billing_profile, country="AT", postal_code="1010", city="Wien", vat_id="ATU13585627"
    )
    actions.change(customer, profile, seen_version=None)
    db.session.commit()
    deliver(account.gateway, now=LATER)
    assert invoice.delivery == Delivery.STUCK
    assert "VAT" in invoice.last_error

    account.gateway.delete_draft(invoice.provider_document_id)
    retry_stuck(customer.id)
    assert deliver(account.gateway, now=LATER).delivered == 1
    assert only_document(account, customer).vat_cases == {VatCase.REVERSE_CHARGE}
