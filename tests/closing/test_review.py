"""A month that looks wrong waits with its reason until somebody has looked; everybody else is billed."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.closing import review
from portal.closing.review import approve, months_in_review
from portal.domain.errors import NotFoundError
from portal.domain.money import AMOUNT_MAX_MINOR
from portal.ledger import catalogue
from portal.ledger.upcoming import upcoming_invoice
from portal.models import Invoice, Metering, MonthReview
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_organization,
    make_product,
    make_subscription,
    use,
)
from tests.months import close


def run(month):
    closed = close(now=month.ends_at, grace_days=0)
    db.session.expire_all()
    return closed.made, closed.in_review


def reasons():
    return {organization.name: row.reason for organization, row in months_in_review()}


def periods(organization):
    query = select(Invoice.period).where(Invoice.organization_id == organization.id).order_by(Invoice.id)
    return list(db.session.scalars(query))


@pytest.fixture
def subscription(acme):
    return make_subscription(acme, make_product("vm", "1"))


def bill(subscription, *totals):
    """Close one month after the other, each with so many units of one euro; return the last month."""
    month = JANUARY
    for number, total in enumerate(totals):
        month = JANUARY.shifted(number)
        use(subscription, {hour_at(month, 1): total})
        assert run(month) == (1, 0)
    return month


def let_go(organization, month):
    approve(organization, month, now=NOW)
    db.session.commit()


# -- ten times the median -----------------------------------------------------------------------------
def test_a_first_month_is_billed_whatever_it_costs(acme, subscription):
    bill(subscription, 1_000_000)
    assert periods(acme) == ["2026-01"]


def test_a_month_of_ten_times_the_median_is_billed(acme, subscription):
    bill(subscription, 10, 100)
    assert periods(acme) == ["2026-01", "2026-02"]


def test_a_month_of_a_cent_more_than_ten_times_the_median_is_in_review_and_says_why(acme, subscription):
    bill(subscription, 10)
    use(subscription, {hour_at(FEBRUARY, 1): "100.01"})
    assert run(FEBRUARY) == (0, 1)
    assert periods(acme) == ["2026-01"]
    assert reasons() == {
        "Acme GmbH": "The total is 100.01 EUR, more than 10 times the median of the last 1 months."
    }


def test_a_month_is_compared_with_the_median_of_the_last_six_months(acme, subscription):
    month = bill(subscription, 1, 5, 10, 10, 10, 10, 10)
    use(subscription, {hour_at(month.shifted(1), 1): 101})
    assert run(month.shifted(1)) == (0, 1)
    assert "the last 6 months" in reasons()["Acme GmbH"]


def test_a_single_odd_month_does_not_move_the_median_of_a_review(acme, subscription):
    month = bill(subscription, 10, 90, 10)
    use(subscription, {hour_at(month.shifted(1), 1): 101})
    assert run(month.shifted(1)) == (0, 1)


def test_months_that_cost_nothing_do_not_count_into_the_median(acme, subscription):
    bill(subscription, "0.001", "0.001")
    use(subscription, {hour_at(MARCH, 1): 1_000})
    assert run(MARCH) == (1, 0)


def test_late_usage_counts_into_the_total_that_is_reviewed(acme, subscription):
    bill(subscription, 10)
    use(subscription, {hour_at(FEBRUARY, 1): 10, hour_at(JANUARY, 2): 200})
    assert run(FEBRUARY) == (0, 1)
    let_go(acme, FEBRUARY)
    assert run(FEBRUARY) == (1, 0)
    assert db.session.scalars(select(Invoice.total_cents)).all() == [1_000, 21_000]


# -- waiting and approved -----------------------------------------------------------------------------
def test_a_month_in_review_waits_and_is_counted_once(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50})
    assert [run(FEBRUARY) for _ in range(3)] == [(0, 1), (0, 0), (0, 0)]
    assert len(db.session.scalars(select(MonthReview)).all()) == 1


def test_later_months_wait_behind_a_month_in_review(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50, hour_at(MARCH, 1): 1})
    assert run(MARCH) == (0, 1)
    assert periods(acme) == ["2026-01"]
    let_go(acme, FEBRUARY)
    assert run(MARCH) == (2, 0)
    assert periods(acme) == ["2026-01", "2026-02", "2026-03"]


def test_an_approved_month_is_the_invoice_that_was_previewed(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50})
    run(FEBRUARY)
    preview = upcoming_invoice(acme, FEBRUARY)
    let_go(acme, FEBRUARY)
    assert run(FEBRUARY) == (1, 0)
    assert reasons() == {}
    uid = db.session.scalar(select(Invoice.uid).where(Invoice.period == "2026-02"))
    assert uid == preview.uid


def test_usage_that_comes_while_a_month_is_in_review_changes_that_month(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50})
    run(FEBRUARY)
    use(subscription, {hour_at(FEBRUARY, 1): 5})
    let_go(acme, FEBRUARY)
    run(FEBRUARY)
    assert db.session.scalars(select(Invoice.total_cents).order_by(Invoice.id)).all() == [100, 500]


def test_a_month_in_review_that_looks_right_again_is_closed_without_an_approval(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50})
    assert run(FEBRUARY) == (0, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 5})
    assert run(FEBRUARY) == (1, 0)
    assert reasons() == {}


def test_a_month_that_is_not_in_review_cannot_be_approved(acme, subscription):
    with pytest.raises(NotFoundError):
        approve(acme, JANUARY, now=NOW)


def test_a_month_is_approved_once(acme, subscription):
    bill(subscription, 1)
    use(subscription, {hour_at(FEBRUARY, 1): 50})
    run(FEBRUARY)
    let_go(acme, FEBRUARY)
    with pytest.raises(NotFoundError):
        approve(acme, FEBRUARY, now=NOW)


def test_another_organizations_month_stays_in_review(acme, subscription):
    other = make_organization("Other AG")
    theirs = make_subscription(other, make_product("vm", "1"))
    use(theirs, {hour_at(JANUARY, 1): 1})
    use(subscription, {hour_at(JANUARY, 1): 1})
    run(JANUARY)
    for each in (subscription, theirs):
        use(each, {hour_at(FEBRUARY, 1): 50})
    assert run(FEBRUARY) == (0, 2)
    let_go(acme, FEBRUARY)
    assert run(FEBRUARY) == (1, 0)
    assert list(reasons()) == ["Other AG"]


# -- one of many --------------------------------------------------------------------------------------
@pytest.mark.parametrize("poison", ["unpriced", "too large", "too much"])
def test_of_fifty_organizations_a_poisoned_one_is_in_review_and_the_others_are_billed(app, poison):
    product = make_product("vm", "1")
    organizations = [make_organization(f"Customer {number}") for number in range(50)]
    subscriptions = [make_subscription(each, product) for each in organizations]
    victim, theirs = organizations[17], subscriptions[17]
    if poison == "too much":
        use(theirs, {hour_at(JANUARY, 1): 1})
        run(JANUARY)
    month = FEBRUARY
    for each in subscriptions:
        use(each, {hour_at(month, 1): 11})
    if poison == "unpriced":
        use(make_subscription(victim, without_price()), {hour_at(month, 2): 1})
    if poison == "too large":
        dear = make_subscription(victim, make_product("gold", "9000000"))
        use(dear, {hour_at(month, 2): 10**7, hour_at(month, 3): 10**7})
    assert run(month) == (49, 1)
    assert list(reasons()) == ["Customer 17"]
    numbers = db.session.scalars(select(Invoice.organization_id).where(Invoice.period == "2026-02")).all()
    assert sorted(numbers) == sorted(each.id for each in organizations if each is not victim)


def without_price():
    product = catalogue.product_by_code("new", name="new", unit="hour", metering=Metering.USAGE)
    db.session.commit()
    return product


def test_an_unpriced_month_is_billed_once_it_has_a_price(acme, subscription):
    product = without_price()
    use(make_subscription(acme, product), {hour_at(JANUARY, 1): 3})
    assert run(JANUARY) == (0, 1)
    catalogue.set_price(product, "EUR", Decimal(1), start_day=0)
    let_go(acme, JANUARY)
    assert run(JANUARY) == (1, 0)


def test_a_month_that_is_approved_without_a_price_is_in_review_again(acme, subscription):
    use(make_subscription(acme, without_price()), {hour_at(JANUARY, 1): 3})
    assert run(JANUARY) == (0, 1)
    let_go(acme, JANUARY)
    assert run(JANUARY) == (0, 1)
    assert list(reasons()) == ["Acme GmbH"]
    assert len(db.session.scalars(select(MonthReview)).all()) == 1


# -- amounts that programs cannot read ----------------------------------------------------------------
def use_cents(acme, cents):
    """Use so many cents: a cent a unit, over as many hours and subscriptions as it takes."""
    dear = make_subscription(acme, make_product("dear", "9000000"))
    rest = make_subscription(acme, make_product("cent", "0.01"))
    per_unit = 900_000_000
    units = cents // per_unit
    use(dear, {hour_at(JANUARY, 1): units // 2, hour_at(JANUARY, 2): units - units // 2})
    left = cents - units * per_unit
    hours = {}
    while left:
        hours[hour_at(JANUARY, 1) + len(hours)] = min(left, 10**7)
        left -= min(left, 10**7)
    use(rest, hours)


def test_a_month_of_the_largest_amount_is_billed(acme):
    use_cents(acme, AMOUNT_MAX_MINOR)
    assert upcoming_invoice(acme, JANUARY).total.cents == 2**53 - 1
    assert run(JANUARY) == (1, 0)


def test_a_month_of_a_cent_more_than_the_largest_amount_is_in_review_and_says_why(acme):
    use_cents(acme, AMOUNT_MAX_MINOR + 1)
    assert run(JANUARY) == (0, 1)
    assert reasons() == {"Acme GmbH": "An amount is larger than programs can read exactly."}


def test_an_amount_that_cannot_be_read_is_not_billed_by_approving_its_month(acme):
    """Past 64 bits no database could even keep it, and nobody else of its slice would be billed."""
    dear = make_subscription(acme, make_product("dear", "9000000"))
    use(dear, dict.fromkeys(range(hour_at(JANUARY, 1), hour_at(FEBRUARY, 1)), 10**7))
    use(make_subscription(acme, make_product("dear too", "9000000")), {hour_at(JANUARY, 1): 10**7})
    other = make_organization("Other AG")
    use(make_subscription(other, make_product("vm", "1")), {hour_at(JANUARY, 1): 1})
    assert run(JANUARY) == (1, 1)
    let_go(acme, JANUARY)
    assert run(JANUARY) == (0, 1)
    assert list(reasons()) == ["Acme GmbH"]


def test_a_month_with_a_line_that_stands_twice_is_in_review_even_if_approved(acme, subscription, monkeypatch):
    use(subscription, {hour_at(JANUARY, 1): 1})
    invoice = upcoming_invoice(acme, JANUARY)
    twice = replace(invoice, lines=[*invoice.lines, *invoice.lines])
    assert review.review_reasons({acme.id: twice}) == {acme.id: "A line stands twice."}
