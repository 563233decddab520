"""VAT is determined when a month is closed: the document, amounts due and corrections rest on it."""

import dataclasses
import datetime as dt

import pytest
from sqlalchemy import text

from portal.delivery.outbox import QUEUE
from portal.domain.vat import VatCase, WithoutVatId
from portal.gateways.invoicing import InvoicingUnavailableError
from portal.invoices import queries
from portal.models import Delivery, Invoice, invoice_uid
from portal.profile import actions
from portal.services import settings
from portal.storage import db
from tests.delivery.oddities import Watched, raises
from tests.delivery.rows import make_customer
from tests.factories import FEBRUARY, JANUARY, MARCH, Address, hour_at, make_product, make_subscription, use
from tests.months import close, deliver, differences
from tests.past_triggers import past_the_triggers

KEPT = ["vat_country", "vat_id", "vat_case"]
NEW_YORK = Address("Broadway 1", "10004", "New York", "US")
HAMBURG = Address("Kai 1", "20457", "Hamburg", "DE")
VIENNA = Address("Ring 1", "1010", "Wien", "AT")
PARIS = Address("Rue 1", "75001", "Paris", "FR")
VIENNESE_ID = "ATU13585627"


def at(month) -> dt.datetime:
    """The morning on which a month is billed."""
    return month.ends_at + dt.timedelta(days=4)


def bill(easybill, month):
    close(now=at(month), grace_days=3)
    return deliver(easybill.gateway, now=at(month))


def move(customer, address, vat_id=None):
    profile = dataclasses.replace(
        customer.billing_profile,
        country=address.country,
        postal_code=address.postal_code,
        city=address.city,
        vat_id=vat_id,
    )
    actions.change(customer, profile, seen_version=None)
    db.session.commit()


def subscribed(**facts):
    customer = make_customer(**facts)
    return customer, make_subscription(customer, make_product("storage", "1"), since=JANUARY)


def invoice_of(month):
    db.session.expire_all()
    return db.session.scalars(db.select(Invoice).filter_by(period=str(month))).one()


def due_and_credit_of(month):
    invoice = invoice_of(month)
    return invoice.due_cents, invoice.credit_cents


@pytest.fixture
def without_vat_id(app):
    """Return a function that chooses what customers of the Union without a VAT id pay."""
    known = app.extensions["portal.settings"]

    def choose(choice):
        app.extensions["portal.settings"] = dataclasses.replace(known, eu_without_vat_id=choice)

    yield choose
    app.extensions["portal.settings"] = known


# -- corrections --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "vat_id", "after", "gross", "option"),
    [
        (NEW_YORK, None, HAMBURG, 100_000, "nStb"),
        (HAMBURG, None, NEW_YORK, 119_000, None),
        (VIENNA, VIENNESE_ID, HAMBURG, 100_000, "nStbUstID"),
    ],
    ids=["no VAT, then VAT", "VAT, then none", "reverse charge, then VAT"],
)
def test_a_correction_after_a_move_gives_back_exactly_the_gross_that_was_paid(
    easybill, app, before, vat_id, after, gross, option
):
    customer, subscription = subscribed(address=before, vat_id=vat_id)
    use(subscription, {hour_at(JANUARY, 3): 1000})
    bill(easybill, JANUARY)
    use(subscription, {hour_at(JANUARY, 3): 0})
    move(customer, after)
    assert bill(easybill, FEBRUARY).delivered == 1

    invoice, credit = easybill.documents(customer)
    assert (invoice["amount_net"], invoice["amount"]) == (100_000, gross)
    assert (credit["type"], credit["amount_net"], credit["amount"]) == ("CREDIT", 100_000, gross)
    assert credit["vat_option"] == option
    assert credit["text_tax"] == invoice["text_tax"]
    assert due_and_credit_of(JANUARY) == (gross, 0)
    assert due_and_credit_of(FEBRUARY) == (0, -gross)
    assert differences() == []


def test_a_second_correction_is_taxed_as_its_month_too(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, HAMBURG)
    use(subscription, {hour_at(JANUARY, 3): 90})
    bill(easybill, FEBRUARY)
    use(subscription, {hour_at(JANUARY, 3): 95})
    assert bill(easybill, MARCH).delivered == 1

    assert [each["amount"] for each in easybill.documents(customer)] == [10_000, 1_000, 500]
    assert due_and_credit_of(MARCH) == (0, -500)


def test_a_month_closed_after_a_move_is_taxed_by_the_new_profile(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, HAMBURG)
    use(subscription, {hour_at(FEBRUARY, 3): 100})
    bill(easybill, FEBRUARY)

    assert [each["amount"] for each in easybill.documents(customer)] == [10_000, 11_900]
    assert due_and_credit_of(FEBRUARY) == (11_900, 0)


def test_the_open_month_shows_the_credit_that_closing_will_make(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, HAMBURG)
    use(subscription, {hour_at(JANUARY, 3): 0})
    uid, time = invoice_uid(customer.uid, str(FEBRUARY)), at(JANUARY)
    page = queries.invoice_of(customer, uid, vat_rules=settings().vat_rules, now=time, today=time.date())
    assert (page.due.cents, page.credit.cents) == (0, -10_000)


def test_the_vat_snapshot_of_another_organizations_month_does_not_count(easybill, app):
    _, american = subscribed(address=NEW_YORK)
    german, subscription = subscribed(address=HAMBURG)
    for each in (american, subscription):
        use(each, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    for each in (american, subscription):
        use(each, {hour_at(JANUARY, 3): 0})
    assert bill(easybill, FEBRUARY).delivered == 2
    query = db.select(Invoice.organization_id, Invoice.credit_cents).filter_by(period="2026-02")
    credits_left = dict(map(tuple, db.session.execute(query)))
    assert credits_left == {american.organization_id: -10_000, german.id: -11_900}


# -- positions of several cases -----------------------------------------------------------------------
def test_a_document_of_two_vat_cases_is_stuck_with_the_reason(easybill, app):
    customer, subscription = subscribed(address=HAMBURG)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, VIENNA, VIENNESE_ID)
    use(subscription, {hour_at(JANUARY, 3): 90, hour_at(FEBRUARY, 3): 50})
    assert bill(easybill, FEBRUARY).stuck == 1

    february = invoice_of(FEBRUARY)
    assert february.delivery == Delivery.STUCK
    assert "taxed for different reasons (domestic, reverse charge)" in february.last_error
    assert february.provider_document_id is None
    assert len(easybill.documents(customer)) == 1
    assert february.due_cents == 5_000 - 1_190


def test_vat_of_two_member_states_is_two_vat_cases(easybill, without_vat_id):
    without_vat_id(WithoutVatId.DESTINATION)
    customer, subscription = subscribed(address=VIENNA)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, PARIS)
    use(subscription, {hour_at(JANUARY, 3): 90, hour_at(FEBRUARY, 3): 50})
    bill(easybill, FEBRUARY)
    assert "one stop shop AT, one stop shop FR" in invoice_of(FEBRUARY).last_error


def test_a_document_of_no_net_amount_that_still_has_vat_is_stuck(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    move(customer, HAMBURG)
    use(subscription, {hour_at(JANUARY, 3): 0, hour_at(FEBRUARY, 3): 100})
    bill(easybill, FEBRUARY)

    february = invoice_of(FEBRUARY)
    assert (february.total_cents, february.due_cents) == (0, 1_900)
    assert february.delivery == Delivery.STUCK


# -- from closing to delivery -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after", "gross"), [(NEW_YORK, HAMBURG, 10_000), (HAMBURG, NEW_YORK, 11_900)]
)
def test_a_move_between_closing_and_delivery_changes_the_address_and_no_amount(
    easybill, app, before, after, gross
):
    customer, subscription = subscribed(address=before)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    move(customer, after)
    assert deliver(easybill.gateway, now=at(JANUARY)).delivered == 1

    (document,) = easybill.documents(customer)
    assert document["amount"] == gross
    found = easybill("GET", f"/customers/{customer.invoicing_customer_id}").json()
    assert found["country"] == after.country
    assert due_and_credit_of(JANUARY) == (gross, 0)


def test_a_draft_from_before_a_move_is_finished_as_the_month_was_closed(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    deliver(Watched(easybill.gateway, finish=raises(InvoicingUnavailableError())), now=at(JANUARY))
    move(customer, VIENNA, VIENNESE_ID)
    assert deliver(easybill.gateway, now=at(JANUARY) + QUEUE.lease + dt.timedelta(minutes=1)).delivered == 1
    (document,) = easybill.documents(customer)
    assert document["vat_option"] == "nStb"


def test_the_vat_rule_for_customers_without_vat_id_holds_for_months_closed_under_it(easybill, without_vat_id):
    without_vat_id(WithoutVatId.DESTINATION)
    customer, subscription = subscribed(address=PARIS)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    without_vat_id(WithoutVatId.HOME)
    deliver(easybill.gateway, now=at(JANUARY))
    use(subscription, {hour_at(JANUARY, 3): 0})
    bill(easybill, FEBRUARY)

    assert [(each["amount"], each["is_oss"]) for each in easybill.documents(customer)] == [
        (12_000, True),
        (12_000, True),
    ]
    assert due_and_credit_of(FEBRUARY) == (0, -12_000)


def test_the_profile_determines_the_vat_of_a_month_that_was_closed_without(easybill, app):
    customer, subscription = subscribed(address=VIENNA)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    january = invoice_of(JANUARY)
    assert (january.vat_country, january.vat_id, january.vat_case) == ("AT", None, None)
    move(customer, VIENNA, VIENNESE_ID)
    assert deliver(easybill.gateway, now=at(JANUARY)).delivered == 1
    assert easybill.documents(customer)[0]["vat_option"] == "nStbUstID"


# -- in the database ----------------------------------------------------------------------------------
def test_the_vat_snapshot_of_an_invoice_never_changes(easybill, app):
    customer, subscription = subscribed(address=VIENNA, vat_id=VIENNESE_ID)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    move(customer, HAMBURG)
    january = invoice_of(JANUARY)
    kept = (january.vat_country, january.vat_id, january.vat_case)
    assert kept == ("AT", VIENNESE_ID, VatCase.REVERSE_CHARGE)
    for column in KEPT:
        refuses_to_change(column)


def refuses_to_change(column):
    db.session.rollback()
    with pytest.raises(Exception, match="what is final never changes"):
        db.session.execute(text(f"UPDATE invoice SET {column} = 'DE'"))
    db.session.rollback()


def test_months_without_a_vat_snapshot_are_corrected_by_the_profile_of_today(easybill, app):
    customer, subscription = subscribed(address=NEW_YORK)
    use(subscription, {hour_at(JANUARY, 3): 100})
    close(now=at(JANUARY), grace_days=3)
    past_the_triggers(f"UPDATE invoice SET {', '.join(f'{column} = NULL' for column in KEPT)}")

    move(customer, HAMBURG)
    use(subscription, {hour_at(JANUARY, 3): 0})
    close(now=at(FEBRUARY), grace_days=3)
    assert due_and_credit_of(FEBRUARY) == (0, -11_900)
    assert invoice_of(FEBRUARY).vat_case == VatCase.DOMESTIC
