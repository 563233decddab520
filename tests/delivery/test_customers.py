from __future__ import annotations

import dataclasses

import pytest

from portal.delivery import customers
from portal.gateways.invoicing import InvoicingRefusedError, InvoicingUnavailableError
from portal.models import Organization
from portal.profile import actions
from portal.storage.database import db
from tests.delivery.rows import make_customer, make_invoice
from tests.delivery.test_deliver import LINES, Killed, Watched, after, raises
from tests.factories import FEBRUARY, NOW
from tests.months import deliver


@pytest.fixture
def customer(app):
    return make_customer()


def change(organization, **changes):
    profile = dataclasses.replace(organization.billing_profile, **changes)
    actions.change(organization, profile, seen_version=None)
    db.session.commit()


def at_easybill(easybill, organization):
    return easybill("GET", f"/customers/{organization.invoicing_customer_id}").json()


def test_a_customer_is_made_with_our_number_and_all_of_the_profile(easybill, customer):
    change(
        customer,
        buyer_reference="991-03730-19",
        vat_id="DE136695976",
        emails=["a@acme.example", "b@acme.example"],
    )
    customers.ensure_synced(easybill.gateway, customer.id)
    found = at_easybill(easybill, customer)
    assert (found["number"], found["company_name"]) == (customer.number, "Acme GmbH")
    assert (found["street"], found["zip_code"], found["city"]) == ("Musterstraße 1", "20095", "Hamburg")
    assert (found["country"], found["vat_identifier"]) == ("DE", "DE136695976")
    assert found["buyer_reference"] == "991-03730-19"
    assert found["emails"] == ["a@acme.example", "b@acme.example"]


def test_who_is_in_step_costs_no_call(easybill, customer):
    first = customers.ensure_synced(easybill.gateway, customer.id)
    gateway = Watched(easybill.gateway)
    assert customers.ensure_synced(gateway, customer.id) == first
    assert gateway.calls == []


def test_a_changed_profile_is_told_by_the_clock(easybill, customer):
    customers.ensure_synced(easybill.gateway, customer.id)
    change(customer, name="Acme SE", city="Bremen")
    assert at_easybill(easybill, customer)["company_name"] == "Acme GmbH"

    assert customers.push_changes(easybill.gateway) == 1
    found = at_easybill(easybill, customer)
    assert (found["company_name"], found["city"]) == ("Acme SE", "Bremen")
    assert customers.push_changes(easybill.gateway) == 0


def test_a_number_that_is_taken_away_is_gone_there_too(easybill, customer):
    change(customer, vat_id="DE136695976", buyer_reference="x")
    customers.ensure_synced(easybill.gateway, customer.id)
    change(customer, vat_id=None, buyer_reference=None)
    customers.push_changes(easybill.gateway)
    found = at_easybill(easybill, customer)
    assert (found["vat_identifier"], found["buyer_reference"]) == ("", "")


def test_who_has_no_document_yet_is_not_made_for_nothing(easybill, customer):
    change(customer, name="Acme SE")
    assert customers.push_changes(Watched(None)) == 0
    assert customer.invoicing_customer_id is None


@pytest.mark.parametrize("error", [Killed(), InvoicingUnavailableError()])
def test_a_lost_answer_to_making_a_customer_makes_no_second_one(easybill, customer, error):
    with pytest.raises(type(error)):
        customers.ensure_synced(Watched(easybill.gateway, create_customer=after(error)), customer.id)
    customers.ensure_synced(easybill.gateway, customer.id)
    known = easybill("GET", "/customers", params={"number": customer.number}).json()
    assert known["total"] == 1
    assert str(known["items"][0]["id"]) == customer.invoicing_customer_id


@pytest.mark.parametrize("when", [raises, after])
def test_a_lost_answer_to_a_change_is_told_again(easybill, customer, when):
    customers.ensure_synced(easybill.gateway, customer.id)
    change(customer, name="Acme SE")
    broken = Watched(easybill.gateway, update_customer=when(InvoicingUnavailableError()))
    assert customers.push_changes(broken) == 0
    assert customer.invoicing_profile_version == 1
    assert customers.push_changes(easybill.gateway) == 1
    assert at_easybill(easybill, customer)["company_name"] == "Acme SE"


def test_a_refused_profile_keeps_nobody_waiting(easybill, customer):
    other = make_customer("Beta GmbH")
    for each in (customer, other):
        customers.ensure_synced(easybill.gateway, each.id)
        change(each, city="Kiel")

    def refuse_first(method, customer_id, facts):
        if facts.number == customer.number:
            raise InvoicingRefusedError
        method(customer_id, facts)

    assert customers.push_changes(Watched(easybill.gateway, update_customer=refuse_first)) == 1
    assert at_easybill(easybill, other)["city"] == "Kiel"


def test_a_profile_that_changes_while_easybill_is_told_is_told_again(easybill, customer):
    customers.ensure_synced(easybill.gateway, customer.id)
    change(customer, city="Kiel")

    def change_meanwhile(method, *args):
        method(*args)
        change(db.session.get_one(Organization, customer.id), city="Bremen")

    customers.push_changes(Watched(easybill.gateway, update_customer=change_meanwhile))
    assert at_easybill(easybill, customer)["city"] == "Kiel"
    customers.push_changes(easybill.gateway)
    assert at_easybill(easybill, customer)["city"] == "Bremen"


def test_two_workers_who_told_different_things_leave_it_to_be_told_again(easybill, customer):
    customers.ensure_synced(easybill.gateway, customer.id)
    change(customer, city="Kiel")

    def another_is_faster(method, customer_id, facts):
        change(db.session.get_one(Organization, customer.id), city="Bremen")
        customers.ensure_synced(easybill.gateway, customer.id)
        method(customer_id, facts)  # the slow worker's Kiel arrives last

    customers.push_changes(Watched(easybill.gateway, update_customer=another_is_faster))
    assert at_easybill(easybill, customer)["city"] == "Kiel"
    assert customers.push_changes(easybill.gateway) == 1
    assert at_easybill(easybill, customer)["city"] == "Bremen"


def test_the_next_document_says_the_new_profile_and_the_finished_one_keeps_the_old(easybill, customer):
    make_invoice(customer, *LINES)
    deliver(easybill.gateway, now=NOW)
    change(customer, name="Acme SE", order_number="PO-1", buyer_reference="Abteilung 7")
    customers.push_changes(easybill.gateway)
    make_invoice(customer, *LINES, month=FEBRUARY)
    deliver(easybill.gateway, now=NOW)

    january, february = easybill.documents(customer)
    assert january["customer_snapshot"]["company_name"] == "Acme GmbH"
    assert (january["order_number"], january["buyer_reference"]) == ("", "")
    assert february["customer_snapshot"]["company_name"] == "Acme SE"
    assert (february["order_number"], february["buyer_reference"]) == ("PO-1", "Abteilung 7")
