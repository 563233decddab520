"""What a document says at EasyBill: its positions, its VAT, its currency, its language."""

import dataclasses

import pytest

from portal.delivery import customers
from portal.domain.vat import WithoutVatId
from portal.models import Delivery, LegalDocument
from portal.profile import actions
from portal.storage import db
from tests.delivery.rows import LINES, make_customer, make_invoice
from tests.factories import FEBRUARY, NOW, Address
from tests.months import deliver

VIENNA = Address("Ring 1", "1010", "Wien", "AT")
TOKYO = Address("1-1 Chiyoda", "100-0001", "Tokyo", "JP")
BOSTON = Address("1 Main St", "02108", "Boston", "US")
KUWAIT = Address("Gulf Street 1", "13001", "Kuwait", "KW")
PARIS = Address("Rue 1", "75001", "Paris", "FR")
HELSINKI = Address("Katu 1", "00100", "Helsinki", "FI")
REVERSE_CHARGE = (
    "Reverse charge: VAT is owed by the recipient of the service (Art. 196 Directive 2006/112/EC) /"
    " Steuerschuldnerschaft des Leistungsempfängers"
)


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


def test_a_document_has_one_line_per_product_with_the_true_quantities(easybill, customer, invoice):
    deliver(easybill.gateway, now=NOW)

    storage, machine = only_document(easybill, customer)["items"]
    assert machine["description"] == "vm.medium\n1,488 hour at 0.00694 EUR"
    assert storage["description"] == "storage\n1,234.5 hour at 0.1 EUR"
    assert [each["quantity"] for each in (storage, machine)] == [1, 1]
    assert [each["single_price_net"] for each in (storage, machine)] == [12345, 1032]
    assert [each["vat_percent"] for each in (storage, machine)] == [19, 19]


def test_a_document_in_german_has_german_numbers(easybill, app):
    customer = make_customer(language="de")
    make_invoice(customer, ("production", "storage", "1234.5", "0.1"), ("staging", "storage", "1", "0.25"))
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert document["pdf_template"] == "DE"
    (item,) = document["items"]
    assert item["description"] == "storage\n1.234,5 hour zu 0,1 EUR\n1 hour zu 0,25 EUR"


def test_the_customer_at_easybill_has_the_current_profile(easybill, customer, invoice):
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


def test_a_customer_in_a_third_country_pays_no_vat(easybill, app):
    customer = make_customer(address=BOSTON, currency="USD")
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["vat_option"], document["currency"]) == ("nStb", "USD")
    assert "Not subject to German VAT" in document["text_tax"]
    assert (document["amount_net"], document["amount"]) == (13377, 13377)


def test_yen_are_sent_to_easybill_in_hundredths_and_kept_in_yen(easybill, app):
    customer = make_customer(address=TOKYO, currency="JPY")
    make_invoice(customer, ("production", "vm.medium", "744", "1.5"))
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["amount_net"], document["currency"]) == (111600, "JPY")
    assert db.session.scalars(db.select(LegalDocument.net_cents)).one() == 1116


def test_a_document_in_a_currency_finer_than_hundredths_is_stuck(easybill, app):
    invoice = make_invoice(make_customer(address=KUWAIT, currency="KWD"), *LINES)
    deliver(easybill.gateway, now=NOW)

    assert invoice.delivery == Delivery.STUCK
    assert "KWD" in invoice.last_error


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


def test_an_eu_customer_without_vat_id_pays_the_german_rate_where_the_seller_chose_it(
    easybill, without_vat_id
):
    without_vat_id(WithoutVatId.HOME)
    customer = make_customer(address=PARIS)
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)

    document = only_document(easybill, customer)
    assert (document["is_oss"], document["fulfillment_country"]) == (False, None)
    assert document["amount"] == 15919


def test_a_document_in_german_has_its_tax_note_in_german(easybill, app):
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


def test_the_next_document_says_the_new_profile_and_the_finished_one_keeps_the_old(easybill, customer):
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)
    changes = {"name": "Acme SE", "order_number": "PO-1", "buyer_reference": "Abteilung 7"}
    profile = dataclasses.replace(customer.billing_profile, **changes)
    actions.change(customer, profile, seen_version=None)
    db.session.commit()
    customers.push_changes(easybill.gateway)
    make_invoice(customer, *LINES, month=FEBRUARY)
    deliver(easybill.gateway, now=NOW)

    january, february = easybill.documents(customer)
    assert january["customer_snapshot"]["company_name"] == "Acme GmbH"
    assert (january["order_number"], january["buyer_reference"]) == ("", "")
    assert february["customer_snapshot"]["company_name"] == "Acme SE"
    assert (february["order_number"], february["buyer_reference"]) == ("PO-1", "Abteilung 7")
