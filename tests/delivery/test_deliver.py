from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib

import pytest

from portal.delivery.outbox import AFTER_FAILURE, QUEUE, retry_stuck
from portal.delivery.sync import sync
from portal.domain.vat import WithoutVatId
from portal.gateways.invoicing import (
    InvoicingKeyRefusedError,
    InvoicingRateLimitedError,
    InvoicingRefusedError,
    InvoicingUnavailableError,
)
from portal.models import Delivery, LegalDocument, LegalDocumentFile
from portal.profile import actions
from portal.storage.database import db
from tests.delivery.rows import make_customer, make_invoice
from tests.factories import FEBRUARY, NOW, Address
from tests.months import deliver

LATER = NOW + QUEUE.lease + dt.timedelta(minutes=1)  # no dead worker holds anything any more
VIENNA = Address("Ring 1", "1010", "Wien", "AT")
TOKYO = Address("1-1 Chiyoda", "100-0001", "Tokyo", "JP")
BOSTON = Address("1 Main St", "02108", "Boston", "US")
KUWAIT = Address("Gulf Street 1", "13001", "Kuwait", "KW")
LINES = [
    ("production", "vm.medium", "744", "0.00694"),
    ("staging", "vm.medium", "744", "0.00694"),
    ("production", "storage", "1234.5", "0.1"),
    (None, "free tier", "100", "0"),
]
REVERSE_CHARGE = (
    "Reverse charge: VAT is owed by the recipient of the service (Art. 196 Directive 2006/112/EC) /"
    " Steuerschuldnerschaft des Leistungsempfängers"
)


class Killed(BaseException):
    """kill -9, as far as a test can."""


class Watched:
    """A gateway that does something odd around one of its methods."""

    def __init__(self, gateway, **oddities):
        self.gateway, self.oddities, self.calls = gateway, oddities, []

    def __getattr__(self, name):
        method = getattr(self.gateway, name)
        if name in {"name", "refuse_uncarried"}:  # nobody is called
            return method

        def call(*args):
            self.calls.append(name)
            oddity = self.oddities.get(name)
            return oddity(method, *args) if oddity else method(*args)

        return call


def raises(error):
    def oddity(method, *args):
        raise error

    return oddity


def after(error):
    def oddity(method, *args):
        method(*args)
        raise error

    return oddity


@pytest.fixture
def customer(app):
    return make_customer()


@pytest.fixture
def invoice(customer):
    return make_invoice(customer, *LINES)


def only_document(easybill, organization):
    (document,) = easybill.documents(organization)
    return document


def test_a_german_customer_is_billed_with_19_percent(easybill, customer, invoice):
    counts = deliver(easybill.gateway, now=NOW)

    assert (counts.delivered, counts.retry, counts.stuck) == (1, 0, 0)
    document = only_document(easybill, customer)
    assert not document["is_draft"]
    assert (document["amount_net"], document["amount"]) == (13377, 15919)
    assert (document["vat_option"], document["text_tax"]) == (None, None)
    assert document["external_id"] == str(invoice.uid)
    assert document["currency"] == "EUR"
    assert document["pdf_template"] == "EN"
    assert (document["document_date"], document["due_date"]) == ("2026-03-10", "2026-03-24")
    service = document["service_date"]
    assert (service["type"], service["date_from"], service["date_to"]) == (
        "SERVICE",
        "2026-01-01",
        "2026-01-31",
    )


def test_the_document_has_one_position_per_product_with_the_true_quantities(easybill, customer, invoice):
    deliver(easybill.gateway, now=NOW)

    storage, machine = only_document(easybill, customer)["items"]
    assert machine["description"] == "vm.medium\n1,488 hour at 0.00694 EUR"
    assert storage["description"] == "storage\n1,234.5 hour at 0.1 EUR"
    assert [each["quantity"] for each in (storage, machine)] == [1, 1]
    assert [each["single_price_net"] for each in (storage, machine)] == [12345, 1032]
    assert [each["vat_percent"] for each in (storage, machine)] == [19, 19]


def test_a_german_reader_gets_german_numbers(easybill, app):
    customer = make_customer(language="de")
    make_invoice(customer, ("production", "storage", "1234.5", "0.1"), ("staging", "storage", "1", "0.25"))
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert document["pdf_template"] == "DE"
    (item,) = document["items"]
    assert item["description"] == "storage\n1.234,5 hour zu 0,1 EUR\n1 hour zu 0,25 EUR"


def test_what_was_delivered_is_kept_with_its_pdf(easybill, customer, invoice):
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    row = db.session.scalars(db.select(LegalDocument)).one()
    assert (row.provider_document_id, row.number) == (str(document["id"]), document["number"])
    assert (row.invoice_id, row.type, row.currency) == (invoice.id, "INVOICE", "EUR")
    assert (row.document_on, row.due_on) == (dt.date(2026, 3, 10), dt.date(2026, 3, 24))
    assert (row.net_cents, row.gross_cents) == (13377, 15919)
    assert (row.paid_on, row.is_cancelled) == (None, False)
    file = db.session.scalars(db.select(LegalDocumentFile)).one()
    pdf = easybill("GET", f"/documents/{document['id']}/pdf").content
    assert file.content == pdf
    assert file.sha256 == hashlib.sha256(pdf).hexdigest()
    assert (invoice.delivery, invoice.provider_document_id) == (Delivery.DELIVERED, row.provider_document_id)
    assert (invoice.leased_until, invoice.last_error, invoice.attempts) == (None, None, 0)


def test_the_customer_says_who_it_is_today(easybill, customer, invoice):
    deliver(easybill.gateway, now=NOW)
    profile = dataclasses.replace(customer.billing_profile, name="Acme SE", city="Bremen")
    actions.change(customer, profile, seen_version=None)
    second = make_invoice(customer, *LINES, month=FEBRUARY)
    db.session.commit()
    deliver(easybill.gateway, now=NOW)

    assert second.delivery == Delivery.DELIVERED
    january, february = easybill.documents(customer)
    assert january["customer_snapshot"]["company_name"] == "Acme GmbH"
    assert february["customer_snapshot"]["company_name"] == "Acme SE"
    assert february["address"]["city"] == "Bremen"
    assert february["customer_snapshot"]["number"] == customer.number


def test_an_austrian_business_owes_the_vat_itself(easybill, app):
    customer = make_customer(address=VIENNA, vat_id="ATU13585627")
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["vat_option"], document["text_tax"]) == ("nStbUstID", REVERSE_CHARGE)
    assert (document["amount_net"], document["amount"]) == (13377, 13377)
    assert document["vat_id"] == "ATU13585627"


def test_a_third_country_is_not_taxed(easybill, app):
    customer = make_customer(address=BOSTON, currency="USD")
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["vat_option"], document["currency"]) == ("nStb", "USD")
    assert "Not subject to German VAT" in document["text_tax"]
    assert (document["amount_net"], document["amount"]) == (13377, 13377)


def test_yen_are_told_in_hundredths_and_kept_in_yen(easybill, app):
    customer = make_customer(address=TOKYO, currency="JPY")
    make_invoice(customer, ("production", "vm.medium", "744", "1.5"))
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["amount_net"], document["currency"]) == (111600, "JPY")
    assert db.session.scalars(db.select(LegalDocument.net_cents)).one() == 1116


def test_an_eu_customer_without_vat_id_is_stuck_and_stops_nobody(easybill, invoice):
    undetermined = make_invoice(make_customer(address=VIENNA), *LINES)
    counts = deliver(easybill.gateway, now=NOW)

    assert (counts.delivered, counts.stuck) == (1, 1)
    assert undetermined.delivery == Delivery.STUCK
    assert "VAT id" in undetermined.last_error
    assert undetermined.provider_document_id is None
    assert invoice.delivery == Delivery.DELIVERED


def test_a_currency_finer_than_hundredths_is_stuck(easybill, app):
    invoice = make_invoice(make_customer(address=KUWAIT, currency="KWD"), *LINES)
    deliver(easybill.gateway, now=NOW)

    assert invoice.delivery == Delivery.STUCK
    assert "KWD" in invoice.last_error


def test_what_is_stuck_goes_on_once_it_is_released(easybill, app):
    customer = make_customer(address=VIENNA)
    invoice = make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)
    customer.vat_id = "ATU13585627"
    db.session.commit()
    assert deliver(easybill.gateway, now=NOW + AFTER_FAILURE.longest).delivered == 0

    assert retry_stuck(customer.id) == 1
    assert deliver(easybill.gateway, now=NOW + AFTER_FAILURE.longest).delivered == 1
    assert invoice.delivery == Delivery.DELIVERED


def test_nothing_to_pay_makes_no_document(app):
    make_invoice(make_customer(), ("production", "free tier", "744", "0"))
    gateway = Watched(None)
    counts = deliver(gateway, now=NOW)

    assert counts.delivered == 0
    assert gateway.calls == []


def test_two_runs_make_one_document(easybill, customer, invoice):
    assert deliver(easybill.gateway, now=NOW).delivered == 1
    assert deliver(easybill.gateway, now=LATER).delivered == 0
    only_document(easybill, customer)


@pytest.mark.parametrize("when", [raises, after])
@pytest.mark.parametrize(
    "method",
    ["customer_by_number", "create_customer", "documents_of", "create_draft", "finish", "pdf_of"],
)
def test_a_run_killed_at_any_call_is_finished_by_the_next(easybill, customer, invoice, method, when):
    with pytest.raises(Killed):
        deliver(Watched(easybill.gateway, **{method: when(Killed())}), now=NOW)
    db.session.rollback()
    assert deliver(easybill.gateway, now=NOW).delivered == 0, "the dead worker's lease still holds"

    assert deliver(easybill.gateway, now=LATER).delivered == 1
    document = only_document(easybill, customer)
    assert not document["is_draft"]
    assert db.session.scalars(db.select(LegalDocument.provider_document_id)).all() == [str(document["id"])]


@pytest.mark.parametrize("method", ["create_customer", "create_draft", "finish", "pdf_of"])
def test_a_lost_answer_is_found_again(easybill, customer, invoice, method):
    deliver(Watched(easybill.gateway, **{method: after(InvoicingUnavailableError())}), now=NOW)
    assert invoice.attempts == 1
    assert "did not answer" in invoice.last_error

    assert deliver(easybill.gateway, now=NOW + dt.timedelta(minutes=2)).delivered == 1
    assert not only_document(easybill, customer)["is_draft"]


def test_the_day_of_the_document_is_fixed_before_the_first_call(easybill, customer, invoice):
    with pytest.raises(Killed):
        deliver(Watched(easybill.gateway, create_draft=after(Killed())), now=NOW)
    db.session.rollback()
    deliver(easybill.gateway, now=NOW + dt.timedelta(days=3))

    assert only_document(easybill, customer)["document_date"] == "2026-03-10"


def test_late_in_the_evening_it_is_tomorrow_in_berlin(easybill, customer, invoice):
    deliver(easybill.gateway, now=dt.datetime(2026, 3, 10, 23, 30, tzinfo=dt.UTC))

    assert only_document(easybill, customer)["document_date"] == "2026-03-11"


def test_of_two_workers_that_meet_only_one_document_is_finished(easybill, customer, invoice):
    """The first is so slow that its lease runs out, and the second delivers meanwhile."""

    def late(method, *args):
        second = deliver(easybill.gateway, now=LATER)
        assert second.delivered == 1
        return method(*args)

    counts = deliver(Watched(easybill.gateway, create_draft=late), now=NOW)

    assert (counts.delivered, counts.skipped) == (0, 1)
    lost = [each for each in easybill.documents(customer) if each["is_draft"]]
    assert len(lost) == 1
    assert sync(easybill.gateway, now=LATER).lost_drafts == 1
    document = only_document(easybill, customer)
    assert str(document["id"]) == invoice.provider_document_id
    assert (document["is_draft"], invoice.delivery) == (False, Delivery.DELIVERED)


def test_a_slow_worker_that_draws_the_same_draft_changes_nothing(easybill, customer, invoice):
    def late(method, *args):
        assert deliver(easybill.gateway, now=LATER).delivered == 1
        return method(*args)

    deliver(Watched(easybill.gateway, finish=late), now=NOW)

    assert not only_document(easybill, customer)["is_draft"]
    assert db.session.scalars(db.select(LegalDocument)).one().invoice_id == invoice.id


def test_totals_that_differ_by_a_cent_are_never_finished(easybill, customer, invoice):
    def odd(method, *args):
        document = method(*args)
        item = only_document(easybill, customer)["items"][0]
        easybill("PUT", f"/documents/{document.id}", json={"items": [item | {"single_price_net": 13376}]})
        return easybill.gateway.document_of(document.id)

    counts = deliver(Watched(easybill.gateway, create_draft=odd), now=NOW)

    assert counts.stuck == 1
    assert only_document(easybill, customer)["is_draft"]
    assert invoice.delivery == Delivery.STUCK
    assert "133.76 net" in invoice.last_error
    assert "133.77 EUR net" in invoice.last_error
    assert "was not finished" in invoice.last_error


def test_a_draft_that_somebody_deleted_is_made_anew(easybill, customer, invoice):
    with pytest.raises(Killed):
        deliver(Watched(easybill.gateway, finish=raises(Killed())), now=NOW)
    db.session.rollback()
    easybill("DELETE", f"/documents/{invoice.provider_document_id}")

    assert deliver(easybill.gateway, now=LATER).delivered == 1
    assert not only_document(easybill, customer)["is_draft"]


def test_each_failure_doubles_the_delay_up_to_six_hours(easybill, invoice):
    gateway = Watched(easybill.gateway, documents_of=raises(InvoicingUnavailableError()))
    at, delays = NOW, []
    for _ in range(11):
        deliver(gateway, now=at)
        delays.append(round((invoice.next_attempt_at - at) / dt.timedelta(minutes=1)))
        at = invoice.next_attempt_at

    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert (invoice.attempts, invoice.delivery) == (11, Delivery.PENDING)


def test_before_its_time_nothing_is_tried_again(easybill, invoice):
    deliver(Watched(easybill.gateway, documents_of=raises(InvoicingUnavailableError())), now=NOW)
    gateway = Watched(easybill.gateway)
    deliver(gateway, now=NOW + dt.timedelta(seconds=30))

    assert gateway.calls == []


def test_a_rate_limit_ends_the_run_until_easybill_says(easybill, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    limited = InvoicingRateLimitedError(retry_after_seconds=90)
    counts = deliver(Watched(easybill.gateway, customer_by_number=raises(limited)), now=NOW)

    assert (counts.retry, counts.waiting) == (1, 2)
    assert round((invoice.next_attempt_at - NOW).total_seconds()) == 90
    assert (other.attempts, other.next_attempt_at) == (0, None)


def test_a_run_that_may_wait_goes_on_after_a_rate_limit(easybill, invoice):
    answers = [InvoicingRateLimitedError(retry_after_seconds=60)]

    def once(method, *args):
        if answers:
            raise answers.pop()
        return method(*args)

    waited = []
    gateway = Watched(easybill.gateway, customer_by_number=once)
    counts = deliver(gateway, now=NOW, wait=waited.append)

    assert (counts.delivered, counts.retry, waited) == (1, 1, [60])


def test_a_key_that_is_not_accepted_makes_nothing_stuck(easybill, invoice):
    make_invoice(make_customer("Other GmbH"), *LINES)
    gateway = Watched(easybill.gateway, customer_by_number=raises(InvoicingKeyRefusedError()))
    counts = deliver(gateway, now=NOW)

    assert (counts.retry, counts.stuck) == (1, 0)
    assert invoice.delivery == Delivery.PENDING


def test_a_refusal_is_stuck_with_its_reason(easybill, invoice):
    refused = InvoicingRefusedError("EasyBill refused the request: 400 (company_name).")
    deliver(Watched(easybill.gateway, create_customer=raises(refused)), now=NOW)

    assert (invoice.delivery, invoice.attempts) == (Delivery.STUCK, 1)
    assert invoice.last_error == "EasyBill refused the request: 400 (company_name)."


def test_a_mistake_of_ours_in_one_invoice_stops_no_other(easybill, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    errors = [ZeroDivisionError()]

    def once(method, *args):
        if errors:
            raise errors.pop()
        return method(*args)

    counts = deliver(Watched(easybill.gateway, customer_by_number=once), now=NOW)

    assert (counts.retry, counts.delivered) == (1, 1)
    assert (invoice.delivery, other.delivery) == (Delivery.PENDING, Delivery.DELIVERED)
    assert "our side" in invoice.last_error


def test_only_the_organizations_asked_for_are_delivered(easybill, customer, invoice):
    other = make_invoice(make_customer("Other GmbH"), *LINES)
    deliver(easybill.gateway, now=NOW, organizations=[customer.id])

    assert (invoice.delivery, other.delivery) == (Delivery.DELIVERED, Delivery.PENDING)


def test_a_half_finished_answer_is_asked_for_again(easybill, customer, invoice):
    def half(method, *args):
        method(*args)
        return easybill.gateway.create_draft(customer.invoicing_customer_id, half.facts)

    def kept(method, customer_id, facts):
        half.facts = facts
        return method(customer_id, facts)

    deliver(Watched(easybill.gateway, create_draft=kept, finish=half), now=NOW)

    assert invoice.delivery == Delivery.DRAFTED
    assert "number" in invoice.last_error


PARIS = Address("Rue 1", "75001", "Paris", "FR")
HELSINKI = Address("Katu 1", "00100", "Helsinki", "FI")


@pytest.fixture
def without_vat_id(app):
    """Return a function that chooses what customers of the Union without a VAT id pay."""
    known = app.extensions["portal.settings"]

    def choose(choice):
        app.extensions["portal.settings"] = dataclasses.replace(known, eu_without_vat_id=choice)

    yield choose
    app.extensions["portal.settings"] = known


@pytest.mark.parametrize(("address", "percent", "gross"), [(PARIS, 20, 16052), (HELSINKI, 25.5, 16788)])
def test_an_eu_customer_without_vat_id_pays_the_rate_of_its_country(
    easybill, without_vat_id, address, percent, gross
):
    without_vat_id(WithoutVatId.DESTINATION)
    customer = make_customer(address=address)
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["vat_option"], document["is_oss"]) == (None, True)
    assert document["fulfillment_country"] == address.country
    assert {each["vat_percent"] for each in document["items"]} == {percent}
    assert (document["amount_net"], document["amount"]) == (13377, gross)
    assert f"member state {address.country}" in document["text_tax"]


def test_or_the_german_rate_where_that_is_chosen(easybill, without_vat_id):
    without_vat_id(WithoutVatId.HOME)
    customer = make_customer(address=PARIS)
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["is_oss"], document["fulfillment_country"]) == (False, None)
    assert document["amount"] == 15919


def test_a_document_in_german_says_the_law_in_german(easybill, app):
    customer = make_customer(address=VIENNA, vat_id="ATU13585627", language="de")
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)
    assert only_document(easybill, customer)["text_tax"].startswith("Steuerschuldnerschaft")


def test_yen_with_vat_are_stuck_with_the_reason_before_easybill_makes_a_draft(easybill, app):
    customer = make_customer(currency="JPY")
    invoice = make_invoice(customer, ("production", "vm.medium", "744", "1.5"))
    deliver(easybill.gateway, now=NOW)
    assert invoice.delivery == Delivery.STUCK
    assert "hundredths, which JPY does not have" in invoice.last_error
    assert invoice.provider_document_id is None


def test_yen_whose_vat_is_whole_are_billed(easybill, app):
    customer = make_customer(currency="JPY")
    make_invoice(customer, ("production", "vm.medium", "100", "7"))
    deliver(easybill.gateway, now=NOW)
    assert only_document(easybill, customer)["amount"] == 83300


def test_a_draft_from_before_a_change_of_the_case_of_vat_is_not_finished(easybill, app):
    """From Switzerland to Austria: no VAT before and none after, but another reason for it."""
    customer = make_customer(address=Address("Gasse 1", "8001", "Zürich", "CH"))
    invoice = make_invoice(customer, *LINES)
    deliver(Watched(easybill.gateway, finish=raises(InvoicingUnavailableError())), now=NOW)
    profile = dataclasses.replace(
        customer.billing_profile, country="AT", postal_code="1010", city="Wien", vat_id="ATU13585627"
    )
    actions.change(customer, profile, seen_version=None)
    db.session.commit()
    deliver(easybill.gateway, now=LATER)
    assert invoice.delivery == Delivery.STUCK
    assert "VAT" in invoice.last_error

    easybill("DELETE", f"/documents/{invoice.provider_document_id}")
    retry_stuck(customer.id)
    assert deliver(easybill.gateway, now=LATER).delivered == 1
    assert only_document(easybill, customer)["vat_option"] == "nStbUstID"
