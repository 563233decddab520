from __future__ import annotations

import datetime as dt

import pytest

from portal.billing_run.deliver import deliver
from portal.billing_run.mirror import mirror
from portal.extensions import db
from portal.gateways.easybill_http import EasybillUnavailableError
from portal.models import LegalDocument, LegalDocumentFile, LegalStatus
from tests.billing_run.rows import make_customer, make_invoice
from tests.factories import FEBRUARY, NOW

LINES = [("production", "vm.medium", "744", "0.5")]
LATER = NOW + dt.timedelta(hours=1)
TODAY = NOW.date()


@pytest.fixture
def customer(app):
    return make_customer()


@pytest.fixture
def delivered(easybill, customer):
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)
    return db.session.scalars(db.select(LegalDocument)).one()


def test_a_new_document_is_open_and_overdue_after_its_day(delivered):
    assert delivered.status_on(TODAY) == LegalStatus.OPEN
    assert delivered.status_on(delivered.due_on) == LegalStatus.OPEN
    assert delivered.status_on(delivered.due_on + dt.timedelta(days=1)) == LegalStatus.OVERDUE


def test_a_payment_at_easybill_reaches_us(easybill, delivered):
    easybill.pay(delivered.easybill_id, 44268, TODAY)
    counts = mirror(easybill.gateway, now=LATER)

    assert counts.refreshed == 1
    assert (delivered.paid_on, delivered.status_on(TODAY)) == (TODAY, LegalStatus.PAID)
    assert delivered.synced_at == LATER


def test_part_of_a_payment_is_not_yet_paid(easybill, delivered):
    easybill.pay(delivered.easybill_id, 44267, TODAY)
    mirror(easybill.gateway, now=LATER)

    assert delivered.paid_on is None


def test_a_cancellation_marks_the_document_and_is_a_row_of_its_own(easybill, customer, delivered):
    storno = easybill.cancel(delivered.easybill_id)
    counts = mirror(easybill.gateway, now=LATER)

    assert (counts.refreshed, counts.added) == (1, 1)
    assert delivered.status_on(TODAY) == LegalStatus.CANCELLED
    row = db.session.scalars(db.select(LegalDocument).where(LegalDocument.type == "STORNO")).one()
    assert (row.easybill_id, row.organization_id, row.invoice_id) == (str(storno["id"]), customer.id, None)
    assert (row.net_cents, row.gross_cents) == (-37200, -44268)
    assert row.status_on(TODAY) == LegalStatus.CANCELLED
    file = db.session.scalars(db.select(LegalDocumentFile).filter_by(legal_document_id=row.id)).one()
    assert file.content == easybill("GET", f"/documents/{storno['id']}/pdf").content


def test_a_second_sync_changes_nothing(easybill, delivered):
    easybill.cancel(delivered.easybill_id)
    mirror(easybill.gateway, now=LATER)
    counts = mirror(easybill.gateway, now=LATER + dt.timedelta(hours=1))

    assert counts.added == 0
    assert len(db.session.scalars(db.select(LegalDocument)).all()) == 2


def test_each_row_says_when_it_was_last_known_to_be_current(easybill, customer, delivered):
    make_invoice(customer, *LINES, month=FEBRUARY)
    deliver(easybill.gateway, now=LATER)
    mirror(easybill.gateway, now=LATER + dt.timedelta(hours=1))

    assert set(db.session.scalars(db.select(LegalDocument.synced_at))) == {LATER + dt.timedelta(hours=1)}


def test_a_sync_that_breaks_off_starts_again_from_the_same_place(easybill, delivered):
    class Breaking:
        def __init__(self):
            self.asked = []

        def documents_edited_since(self, day):
            self.asked.append(day)
            raise EasybillUnavailableError

    gateway = Breaking()
    for _ in range(2):
        with pytest.raises(EasybillUnavailableError):
            mirror(gateway, now=LATER)

    assert gateway.asked == [TODAY, TODAY]
    assert delivered.synced_at < LATER


def test_every_page_is_read(easybill, customer, delivered, monkeypatch):
    read = easybill.gateway.documents_edited_since
    monkeypatch.setattr(
        easybill.gateway,
        "documents_edited_since",
        lambda day: ([each] for page in read(day) for each in page),
    )
    easybill.cancel(delivered.easybill_id)
    easybill.pay(delivered.easybill_id, 44268, TODAY)
    mirror(easybill.gateway, now=LATER)

    assert len(db.session.scalars(db.select(LegalDocument)).all()) == 2
    assert delivered.paid_on == TODAY


def test_a_document_that_somebody_made_by_hand_is_mirrored_as_well(easybill, customer, delivered):
    body = {
        "customer_id": int(customer.easybill_customer_id),
        "items": [{"description": "Consulting", "single_price_net": 10000, "vat_percent": 19}],
    }
    made = easybill("POST", "/documents", json=body).json()
    easybill("PUT", f"/documents/{made['id']}/done")
    mirror(easybill.gateway, now=LATER)

    row = db.session.scalars(db.select(LegalDocument).filter_by(easybill_id=str(made["id"]))).one()
    assert (row.net_cents, row.gross_cents, row.invoice_id) == (10000, 11900, None)


def test_the_documents_of_others_stay_out(easybill, delivered):
    stranger = easybill("POST", "/customers", json={"company_name": "Stranger"}).json()
    body = {"customer_id": stranger["id"], "items": [{"single_price_net": 100}]}
    made = easybill("POST", "/documents", json=body).json()
    easybill("PUT", f"/documents/{made['id']}/done")
    mirror(easybill.gateway, now=LATER)

    assert db.session.scalars(db.select(LegalDocument)).one() is delivered


def test_a_draft_of_ours_that_lost_is_deleted_and_other_drafts_are_not(easybill, customer, delivered):
    def draft(external_id):
        body = {"customer_id": int(customer.easybill_customer_id), "external_id": external_id}
        return easybill("POST", "/documents", json=body).json()["id"]

    kept = easybill.gateway.document_of(delivered.easybill_id)
    lost, foreign = draft(kept.external_id), draft("somebody else's")
    counts = mirror(easybill.gateway, now=LATER)

    assert counts.lost_drafts == 1
    assert easybill.gateway.document_of(str(lost)) is None
    assert easybill.gateway.document_of(str(foreign)) is not None
    assert easybill.gateway.document_of(delivered.easybill_id) == kept
