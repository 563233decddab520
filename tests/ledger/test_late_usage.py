"""What comes after a month was invoiced is billed by the next invoice, and costs exactly the difference."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import select

from portal.closing.review import months_in_review
from portal.domain.period import HOURS_A_DAY, Window
from portal.domain.rating import nano_of
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.ledger.open_months import open_months
from portal.ledger.rating import rated_usage
from portal.ledger.upcoming import upcoming_invoice
from portal.ledger.usage_sums import PENDING, USAGE, Step
from portal.models import Delivery, Invoice, Product, UsageCorrection
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
)
from tests.ledger.books import (
    UNIT,
    bill_of,
    close_and_release,
    lines_of_invoice,
    lines_of_upcoming,
    of_month,
    shown,
    truth_of,
)
from tests.months import close, differences
from tests.properties import examples

APRIL = MARCH.shifted(1)
MONTHS = (JANUARY, FEBRUARY, MARCH, APRIL)


@pytest.fixture
def subscription(acme):
    return make_subscription(acme, make_product("vm", "1"), make_project(acme))


def invoice_of(organization, month):
    db.session.expire_all()
    query = select(Invoice).where(Invoice.organization_id == organization.id, Invoice.period == str(month))
    return db.session.scalars(query).one()


def close_month(month):
    close(now=month.ends_at, grace_days=0)
    assert months_in_review() == []


def late_items(invoice):
    return [item for item in invoice.items if item.kind == "correction"]


def told(items):
    """(corrected month, quantity, cents) of corrections."""
    return [(item.corrects_period, item.quantity_nano, item.total_cents) for item in items]


def bill_late(subscription, first, *later):
    """Bill 10 units in January, then February with what came late for January."""
    use(subscription, {hour_at(JANUARY, 1): first})
    close_month(JANUARY)
    for quantity in later:
        use(subscription, {hour_at(JANUARY, 1): quantity})
    use(subscription, {hour_at(FEBRUARY, 1): 10})


# -- what the next invoice says -----------------------------------------------------------------------
def test_the_next_invoice_bills_late_usage_beside_its_own_usage(acme, subscription):
    bill_late(subscription, 10, 13)
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert told(late_items(invoice)) == [("2026-01", 3 * UNIT, 300)]
    assert invoice.total_cents == 1_300


def test_the_corrected_invoice_stays_as_it_was(acme, subscription):
    bill_late(subscription, 10)
    before = lines_of_invoice(invoice_of(acme, JANUARY))
    use(subscription, {hour_at(JANUARY, 1): 99})
    close_month(FEBRUARY)
    assert lines_of_invoice(invoice_of(acme, JANUARY)) == before
    assert invoice_of(acme, JANUARY).total_cents == 1_000


def test_the_preview_of_late_usage_is_the_invoice_that_it_becomes(acme, subscription):
    bill_late(subscription, 10, 13, 12)
    preview = upcoming_invoice(acme, FEBRUARY)
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert lines_of_invoice(invoice) == lines_of_upcoming(preview)
    assert (invoice.uid, invoice.total_cents) == (preview.uid, preview.total.cents)


def test_only_the_first_open_month_previews_late_usage(acme, subscription):
    bill_late(subscription, 10, 13)
    use(subscription, {hour_at(MARCH, 1): 1})
    kinds = {
        str(month): [item.kind for item in upcoming_invoice(acme, month).lines]
        for month in open_months(acme, until=MARCH)
    }
    assert kinds == {"2026-02": ["usage", "correction"], "2026-03": ["usage"]}


def test_late_usage_below_the_billed_usage_is_a_credit(acme, subscription):
    bill_late(subscription, 10, 4)
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert told(late_items(invoice)) == [("2026-01", -6 * UNIT, -600)]
    assert invoice.total_cents == 400


def test_many_late_changes_of_a_line_are_one_correction(acme, subscription):
    bill_late(subscription, 10, 11, 15, 12)
    use(subscription, {hour_at(JANUARY, 20): 7, hour_at(JANUARY, 31, 23): 1})
    close_month(FEBRUARY)
    assert told(late_items(invoice_of(acme, FEBRUARY))) == [("2026-01", 10 * UNIT, 1_000)]


def test_a_correction_that_costs_no_cents_is_listed(acme):
    cheap = make_subscription(acme, make_product("cheap", "0.0001"), make_project(acme))
    bill_late(cheap, 10, 11)
    close_month(FEBRUARY)
    assert told(late_items(invoice_of(acme, FEBRUARY))) == [("2026-01", UNIT, 0)]


def test_a_higher_revision_of_the_same_quantity_is_no_correction(acme, subscription):
    other = make_subscription(acme, make_product("disk", "1"), make_project(acme))
    use(other, {hour_at(JANUARY, 1): 1})
    bill_late(subscription, 10, 12)
    write_entries(acme.id, [Entry(hour_at(JANUARY, 1), other.id, UNIT, 5)], now=NOW)
    db.session.commit()
    close_month(FEBRUARY)
    assert told(late_items(invoice_of(acme, FEBRUARY))) == [("2026-01", 2 * UNIT, 200)]


def test_a_correction_keeps_the_price_of_its_month(acme, subscription):
    bill_late(subscription, 10, 11)
    catalogue.set_price(subscription_product(subscription), "EUR", Decimal(7), start_day=FEBRUARY.start_day)
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert told(late_items(invoice)) == [("2026-01", UNIT, 100)]
    assert invoice.total_cents == 7_000 + 100


def subscription_product(subscription):
    return db.session.get(Product, subscription.product_id)


def test_a_month_with_two_prices_has_a_correction_for_each(acme, subscription):
    change = JANUARY.start_day + 14
    catalogue.set_price(subscription_product(subscription), "EUR", Decimal(2), start_day=change)
    use(subscription, {hour_at(JANUARY, 1): 10, hour_at(JANUARY, 20): 10})
    close_month(JANUARY)
    use(subscription, {hour_at(JANUARY, 14, 23): 1, hour_at(JANUARY, 15): 1, hour_at(JANUARY, 20): 9})
    use(subscription, {hour_at(JANUARY, 31, 23): 4, hour_at(FEBRUARY, 1): 10})
    close_month(FEBRUARY)
    items = late_items(invoice_of(acme, FEBRUARY))
    assert [(item.unit_price, item.quantity_nano, item.total_cents) for item in items] == [
        (Decimal(1), UNIT, 100),
        (Decimal(2), 4 * UNIT, 800),
    ]


def test_a_line_of_the_organization_itself_is_corrected_too(acme):
    own = make_subscription(acme, make_product("support", "5"))
    bill_late(own, 10, 8)
    close_month(FEBRUARY)
    (item,) = late_items(invoice_of(acme, FEBRUARY))
    assert (item.project_id, item.project_name, item.total_cents) == (None, None, -1_000)


def test_a_line_that_was_never_billed_is_corrected_from_zero(acme, subscription):
    other = make_subscription(acme, make_product("disk", "0.005"), make_project(acme, "staging"))
    bill_late(subscription, 10)
    use(other, {hour_at(JANUARY, 3): 1})
    close_month(FEBRUARY)
    (item,) = late_items(invoice_of(acme, FEBRUARY))
    assert (item.product_name, item.project_name, item.total_cents) == ("disk", "staging", 1)


def test_an_invoice_corrects_two_months_in_their_order(acme, subscription):
    bill_late(subscription, 10)
    close_month(FEBRUARY)
    use(subscription, {hour_at(FEBRUARY, 1): 12, hour_at(JANUARY, 1): 9, hour_at(MARCH, 1): 10})
    close_month(MARCH)
    assert told(late_items(invoice_of(acme, MARCH))) == [("2026-01", -UNIT, -100), ("2026-02", 2 * UNIT, 200)]


def test_a_month_can_be_corrected_again_and_again(acme):
    half_cent = make_subscription(acme, make_product("x", "0.005"), make_project(acme))
    use(half_cent, {hour_at(JANUARY, 1): 1})
    close_month(JANUARY)
    month, costs = JANUARY, []
    for quantity in (2, 3, 4, 3, 2, 1, 0):
        use(half_cent, {hour_at(JANUARY, 1): quantity})
        month = month.shifted(1)
        close_month(month)
        costs += [item.total_cents for item in late_items(invoice_of(acme, month))]
    assert costs == [0, 1, 0, 0, -1, 0, -1]
    assert sum(costs) + invoice_of(acme, JANUARY).total_cents == 0
    assert differences() == []


# -- who used nothing ---------------------------------------------------------------------------------
def test_an_idle_organization_gets_an_invoice_of_corrections_alone(acme, subscription):
    use(subscription, {hour_at(JANUARY, 1): 10})
    close_month(JANUARY)
    use(subscription, {hour_at(JANUARY, 1): 11})
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert [item.kind for item in invoice.items] == ["correction"]
    assert (invoice.total_cents, invoice.delivery) == (100, Delivery.PENDING)


def test_an_idle_organization_without_late_usage_gets_no_invoice(acme, subscription):
    use(subscription, {hour_at(JANUARY, 1): 10})
    close_month(JANUARY)
    write_entries(acme.id, [Entry(hour_at(JANUARY, 1), subscription.id, 10 * UNIT, 5)], now=NOW)
    db.session.commit()
    close_month(FEBRUARY)
    assert db.session.scalars(select(Invoice.period)).all() == ["2026-01"]


def test_a_month_of_which_everything_is_taken_back_is_a_credit(acme, subscription):
    use(subscription, {hour_at(JANUARY, 1): 10, hour_at(JANUARY, 5): 4})
    close_month(JANUARY)
    use(subscription, {hour_at(JANUARY, 1): 0, hour_at(JANUARY, 5): 0})
    close_month(FEBRUARY)
    invoice = invoice_of(acme, FEBRUARY)
    assert (invoice.total_cents, invoice.delivery) == (-1_400, Delivery.PENDING)
    assert (invoice.due_cents, invoice.credit_cents) == (0, -1_666)
    assert shown(acme, JANUARY) == {}
    assert differences() == []


def test_a_credit_is_set_off_against_the_next_invoices(acme, subscription):
    use(subscription, {hour_at(JANUARY, 1): 10})
    close_month(JANUARY)
    use(subscription, {hour_at(JANUARY, 1): 0})
    close_month(FEBRUARY)
    use(subscription, {hour_at(MARCH, 1): 4})
    close_month(MARCH)
    use(subscription, {hour_at(APRIL, 1): 8})
    close_month(APRIL)
    amounts = [(each.due_cents, each.credit_cents) for each in (invoice_of(acme, month) for month in MONTHS)]
    assert amounts == [(1_190, 0), (0, -1_190), (0, -714), (238, 0)]


def test_a_billed_correction_is_stamped_with_its_invoice_and_later_corrections_wait(acme, subscription):
    bill_late(subscription, 10, 13)
    close_month(FEBRUARY)
    use(subscription, {hour_at(JANUARY, 1): 14})
    rows = db.session.scalars(select(UsageCorrection).order_by(UsageCorrection.id)).all()
    assert [(row.delta_nano, row.invoice_id) for row in rows] == [(3 * UNIT, 2), (UNIT, None)]


# -- the page of the corrected month ------------------------------------------------------------------
def test_a_month_shows_its_usage_and_each_batch_of_corrections(acme, subscription):
    bill_late(subscription, 10, 13)
    close_month(FEBRUARY)
    use(subscription, {hour_at(JANUARY, 1): 11, hour_at(JANUARY, 2): 1})
    found = rated_usage(acme, Window(JANUARY.start_hour, JANUARY.end_hour))
    assert [(each.batch, each.quantity_nano, each.cost.cents) for each in found] == [
        (USAGE, 10 * UNIT, 1_000),
        (2, 3 * UNIT, 300),
        (PENDING, -UNIT, -100),
    ]


def test_a_thousand_maximal_corrections_of_an_hour_do_not_overflow(acme):
    """Their sum is past 64 bits: SQLite would refuse to add it up."""
    product = make_product("huge", "0.000000000001")
    project = make_project(acme)
    subscriptions = [
        catalogue.subscribe(acme, product, project, start_hour=JANUARY.start_hour) for _ in range(1_000)
    ]
    db.session.commit()
    use(subscriptions[0], {hour_at(JANUARY, 1): 1})
    close_month(JANUARY)
    late = [Entry(hour_at(JANUARY, 2), each.id, 10**16) for each in subscriptions]
    write_entries(acme.id, late, now=NOW)
    db.session.commit()
    invoice = upcoming_invoice(acme, FEBRUARY)
    assert [(line.quantity_nano, line.total_cents) for line in invoice.lines] == [(10**19, 1)]


# -- any sequence -------------------------------------------------------------------------------------
several = examples(8, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
HOURS = [hour_at(JANUARY, 1), hour_at(JANUARY, 14, 23), hour_at(JANUARY, 15), hour_at(JANUARY, 31, 23)]
amounts = st.sampled_from(["0", "0.4", "0.5", "1", "1.000000001", "2.5", "100"])
changes = st.lists(
    st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(HOURS)), amounts, min_size=1, max_size=4),
    min_size=2,
    max_size=4,
)


@several
@given(changes, st.lists(st.integers(0, 31 * HOURS_A_DAY), max_size=3))
def test_corrections_of_any_sequence_cost_the_difference_of_the_month(app, backend, changes, cuts):
    db.session.remove()
    backend.empty()
    acme = make_organization()
    first, second = make_product("a", "0.005"), make_product("b", "0.333333333333")
    change = JANUARY.start_day + 14
    catalogue.set_price(first, "EUR", Decimal("0.004"), start_day=change)
    project = make_project(acme)
    subscriptions = [
        make_subscription(acme, *line) for line in [(first, project), (first, project), (second, None)]
    ]
    prices = {first.id: [(0, "0.005"), (change, "0.004")], second.id: [(0, "0.333333333333")]}
    metered = {}
    for number, batch in enumerate(changes):
        for (place, hour), amount in batch.items():
            use(subscriptions[place], {hour: amount})
            metered[subscriptions[place], hour] = nano_of(Decimal(amount))[0]
        truth = truth_of(metered, prices)
        month = JANUARY.shifted(number)
        assert bill_of(acme, month) == shown(acme, JANUARY) == truth
        close_and_release(month)
        assert bill_of(acme, month.shifted(1)) == shown(acme, JANUARY) == of_month(truth, JANUARY)
    edges = sorted({JANUARY.start_hour, JANUARY.end_hour} | {JANUARY.start_hour + cut for cut in cuts})
    for step in Step:
        parts = sum(
            each.cost.cents for edge in pairwise(edges) for each in rated_usage(acme, Window(*edge), step)
        )
        assert parts == sum(cents for _, cents in truth.values())
    assert differences() == []
