"""What sync makes of documents that somebody made by hand at EasyBill, whatever they look like."""

import datetime as dt

import pytest

from portal.delivery.sync import sync
from portal.ledger.synced import synced_until
from portal.models import LegalDocument, LegalStatus
from portal.storage import db
from tests.delivery.rows import make_customer, make_invoice
from tests.factories import NOW
from tests.months import deliver

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


def by_hand(easybill, customer, **more):
    body = {
        "customer_id": int(customer.invoicing_customer_id),
        "items": [{"description": "Consulting", "single_price_net": 10000, "vat_percent": 19}],
    }
    made = easybill("POST", "/documents", json=body | more).json()
    easybill("PUT", f"/documents/{made['id']}/done")
    return made


def test_a_credit_made_by_hand_is_below_zero_whatever_its_sign_at_easybill(easybill, customer, delivered):
    for cents in (10000, -10000):
        items = [{"single_price_net": cents, "vat_percent": 19}]
        by_hand(easybill, customer, type="CREDIT", ref_id=int(delivered.provider_document_id), items=items)
    sync(easybill.gateway, now=LATER)

    rows = db.session.scalars(db.select(LegalDocument).filter_by(type="CREDIT")).all()
    assert [(row.net_cents, row.gross_cents) for row in rows] == [(-10000, -11900)] * 2
    assert {row.refers_to_provider_document_id for row in rows} == {delivered.provider_document_id}
    assert {row.status_on(TODAY) for row in rows} == {LegalStatus.PAID}, "nobody owes it"


def test_a_document_in_a_currency_that_we_cannot_count_holds_up_no_other(easybill, customer, delivered):
    by_hand(easybill, customer, currency="KWD")
    made = by_hand(easybill, customer)
    sync(easybill.gateway, now=LATER)

    assert db.session.scalars(db.select(LegalDocument).filter_by(provider_document_id=str(made["id"]))).one()
    assert synced_until() == LATER
