import datetime as dt

import pytest
from sqlalchemy.exc import DatabaseError

from portal.delivery import e_invoices
from portal.gateways.invoicing import InvoicingRefusedError, InvoicingUnavailableError
from portal.models import LegalDocument, LegalDocumentFormat
from portal.storage import db
from tests.delivery.oddities import Watched, raises
from tests.delivery.rows import LINES, make_customer, make_invoice
from tests.factories import FEBRUARY, NOW
from tests.months import deliver

XML = b'<?xml version="1.0"?><Invoice/>'
LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def document(app, account):
    make_invoice(make_customer(), *LINES)
    deliver(account.gateway, now=NOW)
    return db.session.scalars(db.select(LegalDocument)).one()


def making(account, **files):
    """A gateway of an account that makes these formats."""
    return Watched(account.gateway, e_invoice_of=lambda *asked: files.get(asked[-1]))


def kept():
    rows = db.session.scalars(db.select(LegalDocumentFormat).order_by(LegalDocumentFormat.format))
    return {row.format: row.content for row in rows}


def test_an_e_invoice_that_the_easybill_account_makes_is_kept(account, document):
    gateway = making(account, xrechnung=XML)
    assert e_invoices.fetch(gateway, now=NOW, formats={"xrechnung", "zugferd"}) == 1
    assert kept() == {"xrechnung": XML, "zugferd": None}


def test_a_document_is_requested_once_in_each_e_invoice_format(account, document):
    gateway = making(account, xrechnung=XML)
    for _ in range(2):
        e_invoices.fetch(gateway, now=NOW, formats={"xrechnung", "zugferd"})
    assert gateway.calls == ["e_invoice_of"] * 2


def test_no_e_invoice_is_requested_without_the_setting(account, document):
    assert e_invoices.fetch(Watched(None), now=NOW, formats=()) == 0


def test_no_e_invoice_is_kept_where_the_account_makes_none(account, document):
    assert e_invoices.fetch(account.gateway, now=NOW, formats={"xrechnung", "zugferd"}) == 0
    assert kept() == {"xrechnung": None, "zugferd": None}


def test_fetching_e_invoices_goes_on_in_the_next_run_after_an_outage(account, document):
    away = Watched(account.gateway, e_invoice_of=raises(InvoicingUnavailableError()))
    with pytest.raises(InvoicingUnavailableError):
        e_invoices.fetch(away, now=NOW, formats={"xrechnung"})
    assert kept() == {}
    assert e_invoices.fetch(making(account, xrechnung=XML), now=LATER, formats={"xrechnung"}) == 1


def test_a_refused_e_invoice_keeps_no_other_waiting(account, document):
    make_invoice(make_customer("Beta GmbH"), *LINES, month=FEBRUARY)
    deliver(account.gateway, now=NOW)

    def refuse_first(method, document_id, name):
        if document_id == document.provider_document_id:
            raise InvoicingRefusedError
        return XML

    refusing = Watched(account.gateway, e_invoice_of=refuse_first)
    assert e_invoices.fetch(refusing, now=NOW, formats={"xrechnung"}) == 1


@pytest.mark.parametrize(
    "verb", [db.update(LegalDocumentFormat).values(sha256="0"), db.delete(LegalDocumentFormat)]
)
def test_a_kept_e_invoice_never_changes(account, document, verb):
    e_invoices.fetch(making(account, xrechnung=XML), now=NOW, formats={"xrechnung"})
    with pytest.raises(DatabaseError, match="what is final never changes"):
        db.session.execute(verb)
    db.session.rollback()
    assert kept() == {"xrechnung": XML}


def test_a_missing_e_invoice_is_requested_again_once_its_row_is_deleted(account, document):
    e_invoices.fetch(making(account), now=NOW, formats={"xrechnung"})
    db.session.execute(db.delete(LegalDocumentFormat))
    db.session.commit()
    assert e_invoices.fetch(making(account, xrechnung=XML), now=LATER, formats={"xrechnung"}) == 1
