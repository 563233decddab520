import dataclasses

import pytest

from portal.delivery import customers
from portal.gateways.invoicing import InvoicingRefusedError, InvoicingUnavailableError
from portal.models import Organization
from portal.profile import actions
from portal.storage import db
from tests.delivery.oddities import Killed, Watched, after, raises
from tests.delivery.rows import make_customer


@pytest.fixture
def customer(app):
    return make_customer()


def change(organization, **changes):
    profile = dataclasses.replace(organization.billing_profile, **changes)
    actions.change(organization, profile, seen_version=None)
    db.session.commit()


def test_a_customer_is_made_with_our_number_and_all_of_the_profile(account, customer):
    change(
        customer,
        buyer_reference="991-03730-19",
        vat_id="DE136695976",
        emails=["a@acme.example", "b@acme.example"],
    )
    customers.ensure_synced(account.gateway, customer.id)
    there = account.customer(customer)
    assert (there.number, there.name) == (customer.number, "Acme GmbH")
    assert (there.street, there.postal_code, there.city) == ("Musterstraße 1", "20095", "Hamburg")
    assert (there.country, there.vat_id) == ("DE", "DE136695976")
    assert there.buyer_reference == "991-03730-19"
    assert there.emails == ("a@acme.example", "b@acme.example")


def test_a_profile_that_easybill_already_has_costs_no_call(account, customer):
    first = customers.ensure_synced(account.gateway, customer.id)
    gateway = Watched(account.gateway)
    assert customers.ensure_synced(gateway, customer.id) == first
    assert gateway.calls == []


def test_a_changed_profile_is_pushed_by_the_scheduler(account, customer):
    customers.ensure_synced(account.gateway, customer.id)
    change(customer, name="Acme SE", city="Bremen")
    assert account.customer(customer).name == "Acme GmbH"

    assert customers.push_changes(account.gateway) == 1
    there = account.customer(customer)
    assert (there.name, there.city) == ("Acme SE", "Bremen")
    assert customers.push_changes(account.gateway) == 0


def test_a_vat_id_that_is_taken_away_is_gone_at_the_provider_too(account, customer):
    change(customer, vat_id="DE136695976", buyer_reference="x")
    customers.ensure_synced(account.gateway, customer.id)
    change(customer, vat_id=None, buyer_reference=None)
    customers.push_changes(account.gateway)
    there = account.customer(customer)
    assert (there.vat_id, there.buyer_reference) == (None, None)


def test_an_organization_without_documents_is_no_customer_at_the_provider(account, customer):
    change(customer, name="Acme SE")
    assert customers.push_changes(Watched(None)) == 0
    assert customer.invoicing_customer_id is None


@pytest.mark.parametrize("error", [Killed(), InvoicingUnavailableError()])
def test_a_lost_answer_to_making_a_customer_makes_no_second_customer(account, customer, error):
    with pytest.raises(type(error)):
        customers.ensure_synced(Watched(account.gateway, create_customer=after(error)), customer.id)
    customers.ensure_synced(account.gateway, customer.id)
    assert account.customers_numbered(customer.number) == [customer.invoicing_customer_id]


@pytest.mark.parametrize("when", [raises, after])
def test_a_profile_whose_answer_was_lost_is_pushed_again(account, customer, when):
    customers.ensure_synced(account.gateway, customer.id)
    change(customer, name="Acme SE")
    broken = Watched(account.gateway, update_customer=when(InvoicingUnavailableError()))
    with pytest.raises(InvoicingUnavailableError):
        customers.push_changes(broken)
    assert customer.invoicing_profile_version == 1
    assert customers.push_changes(account.gateway) == 1
    assert account.customer(customer).name == "Acme SE"


def test_a_refused_profile_keeps_no_other_customer_waiting(account, customer):
    other = make_customer("Beta GmbH")
    for each in (customer, other):
        customers.ensure_synced(account.gateway, each.id)
        change(each, city="Kiel")

    def refuse_first(method, customer_id, facts):
        if facts.number == customer.number:
            raise InvoicingRefusedError
        method(customer_id, facts)

    assert customers.push_changes(Watched(account.gateway, update_customer=refuse_first)) == 1
    assert account.customer(other).city == "Kiel"


def test_a_profile_that_changes_while_it_is_pushed_is_pushed_again(account, customer):
    customers.ensure_synced(account.gateway, customer.id)
    change(customer, city="Kiel")

    def change_meanwhile(method, *args):
        method(*args)
        change(db.session.get_one(Organization, customer.id), city="Bremen")

    customers.push_changes(Watched(account.gateway, update_customer=change_meanwhile))
    assert account.customer(customer).city == "Kiel"
    customers.push_changes(account.gateway)
    assert account.customer(customer).city == "Bremen"


def test_a_profile_that_two_workers_pushed_differently_is_pushed_again(account, customer):
    customers.ensure_synced(account.gateway, customer.id)
    change(customer, city="Kiel")

    def another_is_faster(method, customer_id, facts):
        change(db.session.get_one(Organization, customer.id), city="Bremen")
        customers.ensure_synced(account.gateway, customer.id)
        method(customer_id, facts)  # the slow worker's Kiel arrives last

    customers.push_changes(Watched(account.gateway, update_customer=another_is_faster))
    assert account.customer(customer).city == "Kiel"
    assert customers.push_changes(account.gateway) == 1
    assert account.customer(customer).city == "Bremen"
