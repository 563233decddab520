"""Pages read our own tables only: whatever EasyBill does, they answer, also while a worker waits for it."""

import dataclasses
import datetime as dt
import threading
import time

import pytest

from portal.delivery.outbox import AFTER_FAILURE
from portal.delivery.sync import sync
from portal.domain.errors import ProviderUnavailableError
from portal.gateways.easybill import EasybillGateway
from portal.models import Delivery, Invoice, LegalDocument
from portal.storage import db
from tests.delivery.rows import KEY, make_invoice, own_customer
from tests.factories import FEBRUARY, NOW, make_member, make_token
from tests.legal_invoices.faults import MODES, broken
from tests.legal_invoices.test_pages import LINES
from tests.months import deliver
from tests.page import bearer

ANSWER_SECONDS_MAX = 2.5
DEADLINE_SECONDS = 2


@pytest.fixture(params=MODES)
def fault(request):
    with broken(request.param) as found:
        yield found


@pytest.fixture
def broken_gateway(app, fault):
    """All that this portal knows of EasyBill, for this test."""
    gateway = EasybillGateway(KEY, fault.url, DEADLINE_SECONDS)
    known = app.extensions["portal.providers"]
    app.extensions["portal.providers"] = dataclasses.replace(known, invoicing=gateway)
    yield gateway
    app.extensions["portal.providers"] = known


@pytest.fixture
def worker(app, fault, broken_gateway, document):
    """A worker who is just asking for the next document."""

    def work():
        with app.app_context():
            deliver(broken_gateway, now=NOW)

    db.session.commit()  # what this thread has read must not keep the worker waiting
    thread = threading.Thread(target=work)
    thread.start()
    assert fault.is_asked.wait(10)
    yield thread
    fault.is_over.set()
    thread.join()


@pytest.fixture
def acme(acme):
    return own_customer(acme)


@pytest.fixture
def document(acme, easybill):
    """One document is there, another is to be made."""
    make_invoice(acme, *LINES)
    deliver(easybill.gateway, now=NOW)
    sync(easybill.gateway, now=NOW)
    make_invoice(acme, *LINES, month=FEBRUARY)
    return db.session.scalars(db.select(LegalDocument)).one()


def timed(ask):
    started = time.monotonic()
    response = ask()
    return response, time.monotonic() - started


def test_every_page_answers_in_time_while_a_worker_waits_for_easybill_that_is_down(
    acme, document, admin, worker
):
    own = f"/organizations/{acme.uid}"
    invoices = [f"/invoices/{uid}" for uid in db.session.scalars(db.select(Invoice.uid))]
    for path in (
        "/",
        "/invoices",
        *invoices,
        f"{own}/invoices",
        f"{own}/invoices/{document.provider_document_id}",
        f"{own}/invoices/download?invoice_id={document.provider_document_id}",
        f"{own}/profile",
        f"{own}/payment_methods",
        "/billing/usage",
    ):
        response, seconds = timed(lambda path=path: admin.get(path))
        assert response.status_code == 200, path
        assert seconds < ANSWER_SECONDS_MAX, path


def test_programs_are_answered_in_time_while_easybill_is_down(acme, document, nobody, worker):
    token = bearer(make_token(acme, make_member(acme)))
    own = f"/organizations/{acme.uid}/invoices"
    for path in (
        own,
        f"{own}/{document.provider_document_id}",
        f"{own}/download?invoice_id={document.provider_document_id}",
    ):
        response, seconds = timed(lambda path=path: nobody.get(path, headers=token))
        assert (response.status_code, seconds < ANSWER_SECONDS_MAX) == (200, True), path


def test_the_legal_invoices_say_how_old_their_data_is_while_easybill_is_down(acme, document, admin, worker):
    own = f"/organizations/{acme.uid}/invoices"
    for path in (own, f"{own}/{document.provider_document_id}"):
        assert "10 Mar 2026, 12:30 UTC" in admin.page(path).select_one("main").text


def test_a_profile_is_saved_in_time_without_a_call_to_easybill(acme, nobody, worker):
    token = bearer(make_token(acme, make_member(acme)))
    url = f"/organizations/{acme.uid}/profile"
    body = nobody.get(url, headers=token).json | {"city": "Bremen"}
    response, seconds = timed(lambda: nobody.put(url, json=body, headers=token))
    assert (response.status_code, response.json["city"]) == (200, "Bremen")
    assert seconds < ANSWER_SECONDS_MAX


def test_no_document_is_lost_once_easybill_is_back(acme, document, easybill, fault):
    impatient = EasybillGateway(KEY, fault.url, deadline_seconds=1)
    deliver(impatient, now=NOW)
    with pytest.raises(ProviderUnavailableError):
        sync(impatient, now=NOW)
    db.session.rollback()
    later = NOW + AFTER_FAILURE.longest + dt.timedelta(hours=1)
    assert deliver(easybill.gateway, now=later).delivered == 1
    assert set(db.session.scalars(db.select(Invoice.delivery))) == {Delivery.DELIVERED}
    assert len(easybill.documents(acme)) == 2
