import datetime as dt

import pytest

from portal.delivery.sync import sync
from portal.gateways.invoicing import InvoicingRateLimitedError, InvoicingUnavailableError
from portal.ledger.synced import synced_until
from portal.models import LegalDocument, LegalDocumentFile, LegalStatus
from portal.storage import db
from tests.delivery.rows import make_customer, make_invoice
from tests.factories import NOW
from tests.months import deliver

LINES = [("production", "vm.medium", "744", "0.5")]
LATER = NOW + dt.timedelta(hours=1)
TODAY = NOW.date()


class Asked:
    """The gateway, and what the sync asked it for; some of it goes wrong."""

    def __init__(self, gateway, **wrong):
        self.gateway, self.wrong, self.asked = gateway, wrong, []

    def __getattr__(self, name):
        def call(*arguments):
            self.asked.append((name, *arguments[:-1]))
            if self.wrong.get(name):
                raise self.wrong[name].pop()
            return getattr(self.gateway, name)(*arguments)

        return call


@pytest.fixture
def customer(app):
    return make_customer()


@pytest.fixture
def delivered(account, customer):
    make_invoice(customer, *LINES)
    deliver(account.gateway, now=NOW)
    return db.session.scalars(db.select(LegalDocument)).one()


def test_a_new_document_is_open_and_overdue_after_its_day(delivered):
    assert delivered.status_on(TODAY) == LegalStatus.OPEN
    assert delivered.status_on(delivered.due_on) == LegalStatus.OPEN
    assert delivered.status_on(delivered.due_on + dt.timedelta(days=1)) == LegalStatus.OVERDUE


def test_a_payment_at_the_provider_reaches_the_portal(account, delivered):
    account.pay(delivered.provider_document_id, 44268, TODAY)
    counts = sync(account.gateway, now=LATER)

    assert counts.refreshed == 1
    assert (delivered.paid_on, delivered.status_on(TODAY)) == (TODAY, LegalStatus.PAID)
    assert delivered.synced_at == LATER


def test_a_document_that_is_paid_in_part_is_not_paid(account, delivered):
    account.pay(delivered.provider_document_id, 44267, TODAY)
    sync(account.gateway, now=LATER)

    assert (delivered.paid_on, delivered.paid_cents) == (None, 44267)


def test_a_cancellation_marks_the_document_and_is_a_row_of_its_own(account, customer, delivered):
    storno_id = account.cancel(delivered.provider_document_id)
    counts = sync(account.gateway, now=LATER)

    assert (counts.refreshed, counts.added) == (1, 1)
    assert delivered.status_on(TODAY) == LegalStatus.CANCELLED
    row = db.session.scalars(db.select(LegalDocument).where(LegalDocument.type == "STORNO")).one()
    assert (row.provider_document_id, row.organization_id, row.invoice_id) == (storno_id, customer.id, None)
    assert (row.net_cents, row.gross_cents) == (-37200, -44268)
    assert row.status_on(TODAY) == LegalStatus.CANCELLED
    assert row.refers_to_provider_document_id == delivered.provider_document_id
    assert delivered.cancelled_by_provider_document_id == row.provider_document_id
    file = db.session.scalars(db.select(LegalDocumentFile).filter_by(legal_document_id=row.id)).one()
    assert file.content == account.gateway.pdf_of(storno_id)


def test_a_second_sync_with_the_provider_changes_nothing(account, delivered):
    account.cancel(delivered.provider_document_id)
    sync(account.gateway, now=LATER)
    counts = sync(account.gateway, now=LATER + dt.timedelta(hours=1))

    assert counts.added == 0
    assert len(db.session.scalars(db.select(LegalDocument)).all()) == 2


def test_a_sync_keeps_the_time_at_which_our_copy_was_current(account, delivered):
    assert synced_until() is None
    sync(account.gateway, now=LATER)
    assert synced_until() == LATER
    sync(account.gateway, now=NOW)
    assert synced_until() == LATER, "never back"


def test_a_sync_reads_from_a_day_before_the_last_sync(account, delivered):
    sync(account.gateway, now=LATER)
    gateway = Asked(account.gateway)
    sync(gateway, now=LATER + dt.timedelta(hours=1))
    # How many pages there are depends on what other tests have left in the sandbox.
    assert set(gateway.asked) == {("documents_edited_since", LATER - dt.timedelta(days=1))}

    sync(gateway, now=LATER + dt.timedelta(days=1))
    assert gateway.asked[-1] == ("drafts",), "once a day every draft is looked at"


def test_a_sync_that_breaks_off_starts_again_from_the_same_day(account, delivered):
    class Breaking:
        def __init__(self):
            self.asked = []

        def documents_edited_since(self, at, page):
            self.asked.append((at, page))
            raise InvoicingUnavailableError

    gateway = Breaking()
    for _ in range(2):
        with pytest.raises(InvoicingUnavailableError):
            sync(gateway, now=LATER)

    assert gateway.asked == [(dt.datetime(2000, 1, 1, tzinfo=dt.UTC), 1)] * 2
    assert synced_until() is None


def test_a_sync_waits_for_a_rate_limit_and_goes_on_at_the_same_page(account, delivered):
    limited = [InvoicingRateLimitedError(retry_after_seconds=30), InvoicingRateLimitedError()]
    waited = []
    sync(Asked(account.gateway, documents_edited_since=limited), now=LATER, wait=waited.append)

    assert waited == [60, 30]
    assert synced_until() == LATER


def test_a_sync_that_is_told_to_stop_while_it_waits_stops(account, delivered):
    limited = [InvoicingRateLimitedError(retry_after_seconds=30) for _ in range(3)]
    with pytest.raises(InvoicingRateLimitedError):
        sync(Asked(account.gateway, documents_edited_since=limited), now=LATER, wait=lambda _: True)

    assert len(limited) == 2


def test_a_document_whose_pdf_does_not_come_holds_up_no_other_and_is_asked_for_again(
    account, customer, delivered
):
    account.cancel(delivered.provider_document_id)
    account.by_hand(customer.invoicing_customer_id)
    counts = sync(Asked(account.gateway, pdf_of=[InvoicingUnavailableError()]), now=LATER)

    assert (counts.failed, counts.added, synced_until()) == (1, 1, None)
    assert sync(account.gateway, now=LATER).added == 1
    assert synced_until() == LATER


def test_a_sync_with_a_provider_that_is_down_changes_nothing(account, delivered):
    sync(account.gateway, now=LATER)
    for hour in range(24):
        gateway = Asked(account.gateway, documents_edited_since=[InvoicingUnavailableError()])
        with pytest.raises(InvoicingUnavailableError):
            sync(gateway, now=LATER + dt.timedelta(hours=hour))
    assert delivered.status_on(TODAY) == LegalStatus.OPEN
    assert synced_until() == LATER

    account.pay(delivered.provider_document_id, 44268, TODAY)
    sync(account.gateway, now=LATER + dt.timedelta(hours=24))
    assert delivered.paid_on == TODAY


def test_a_sync_reads_every_page_of_documents(account, customer, delivered, monkeypatch):
    account.set_page_rows(1, monkeypatch)
    account.cancel(delivered.provider_document_id)
    account.pay(delivered.provider_document_id, 44268, TODAY)
    sync(account.gateway, now=LATER)

    assert len(db.session.scalars(db.select(LegalDocument)).all()) == 2
    assert delivered.paid_on == TODAY


def test_a_document_that_somebody_made_by_hand_is_kept_as_well(account, customer, delivered):
    made = account.by_hand(customer.invoicing_customer_id)
    sync(account.gateway, now=LATER)

    row = db.session.scalars(db.select(LegalDocument).filter_by(provider_document_id=made.id)).one()
    assert (row.net_cents, row.gross_cents, row.invoice_id) == (10000, 11900, None)


def test_documents_of_customers_that_are_not_ours_are_not_synced(account, delivered):
    account.by_hand(account.stranger())
    sync(account.gateway, now=LATER)

    assert db.session.scalars(db.select(LegalDocument)).one() is delivered


def test_a_sync_deletes_our_superfluous_drafts_and_no_others(account, customer, delivered):
    kept = account.gateway.document_of(delivered.provider_document_id)
    lost, foreign = (
        account.draft(customer.invoicing_customer_id, external_id)
        for external_id in (kept.external_id, "somebody else's")
    )
    counts = sync(account.gateway, now=LATER)

    assert counts.lost_drafts == 1
    assert account.gateway.document_of(lost) is None
    assert account.gateway.document_of(foreign) is not None
    assert account.gateway.document_of(delivered.provider_document_id) == kept


def test_a_position_in_the_future_is_read_again_from_the_beginning_and_put_right(account, delivered):
    sync(account.gateway, now=NOW + dt.timedelta(days=60))
    account.pay(delivered.provider_document_id, 44268, TODAY)
    asked = Asked(account.gateway)
    assert sync(asked, now=LATER).refreshed == 1
    assert asked.asked[0] == ("documents_edited_since", dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    assert synced_until() == LATER
