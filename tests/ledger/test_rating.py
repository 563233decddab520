"""Priced lines against an independent computation in fractions, on both databases."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import insert

from portal.domain.money import Money
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.domain.rating import ENTRY_MAX_NANO, RatedLine
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.ledger.prices import UnpricedError
from portal.ledger.rating import rated_usage, rated_usage_by_organization
from portal.ledger.usage_sums import Step
from portal.models import Metering, UsageDay
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
    use_all_hours,
)
from tests.properties import examples

UNIT = 10**9
EXPONENTS = {"EUR": 2, "JPY": 0, "KWD": 3}
some = examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)


# -- an independent truth: plain Python over every hour, in fractions ---------------------------------
@dataclass(frozen=True)
class Used:
    hour: int
    project_id: int | None
    product_id: int
    nano: int


@dataclass
class Books:
    """All that was used, and what it cost from which UTC date on: {product id: {date: price}}."""

    currency: str
    prices: dict[int, dict[dt.date, str]]
    used: list[Used]

    def price(self, product_id, date):
        since = max(start for start in self.prices[product_id] if start <= date)
        return Fraction(self.prices[product_id][since])

    def lines(self, start, end):
        """{(month, project, product, price): (before, [(hour, nano)])} of the hours in [start, end)."""
        before, within = defaultdict(Fraction), defaultdict(list)
        for each in sorted(self.used, key=lambda each: each.hour):
            at = dt.datetime(1970, 1, 1) + dt.timedelta(hours=each.hour)
            window_month = dt.datetime(1970, 1, 1) + dt.timedelta(hours=max(each.hour, start))
            line = (f"{at:%Y-%m}", each.project_id, each.product_id, self.price(each.product_id, at.date()))
            if each.hour >= start and each.hour < end:
                within[line].append((each.hour, each.nano))
            elif each.hour < start and f"{window_month:%Y-%m}" == line[0]:
                before[line] += each.nano
        return {line: (before[line], hours) for line, hours in within.items()}

    def cost(self, price, before, nano):
        scale = Fraction(10 ** EXPONENTS[self.currency], UNIT)
        return half_up(price * (before + nano) * scale) - half_up(price * before * scale)

    def points(self, start, end, step):
        """{line: [(hour, nano, cents)]}, told apart by a step."""
        found = {}
        for line, (before, hours) in self.lines(start, end).items():
            month_start = Month.parse(line[0]).start_hour
            sums = defaultdict(int)
            for hour, nano in hours:
                at = {
                    Step.HOUR: hour,
                    Step.DAY: max(start, hour // 24 * 24),
                    Step.MONTH: max(start, month_start),
                }[step]
                sums[at] += nano
            passed, points = before, []
            for at, nano in sorted(sums.items()):
                points.append((at, nano, self.cost(line[3], passed, nano)))
                passed += nano
            found[line] = points
        return found


def half_up(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def told(found):
    """What the ledger said, in the words of the truth."""
    return {
        (str(each.line.month), each.line.project_id, each.line.product_id, Fraction(each.line.unit_price)): [
            (point.hour, point.quantity_nano, point.cents) for point in each.points
        ]
        for each in found
    }


def record(books, subscription, quantities):
    use(subscription, {hour: str(Decimal(nano).scaleb(-9)) for hour, nano in quantities.items()})
    books.used += [
        Used(hour, subscription.project_id, subscription.product_id, nano)
        for hour, nano in quantities.items()
    ]


def reprice(books, product, price, *, on):
    catalogue.set_price(product, books.currency, Decimal(price), start_day=(on - dt.date(1970, 1, 1)).days)
    db.session.commit()
    books.prices[product.id][on] = price


def total(found):
    return sum(each.cost.cents for each in found)


def whole(month):
    return Window(month.start_hour, month.end_hour)


@pytest.fixture
def books(acme):
    """January and February of three subscriptions in two projects; one price changes on 11 January."""
    machine, disk = make_product("vm", "0.00694"), make_product("disk", "0.000137", unit="GB hour")
    production, staging = make_project(acme, "production"), make_project(acme, "staging")
    first_day = dt.date(1970, 1, 1)
    books = Books("EUR", {machine.id: {first_day: "0.00694"}, disk.id: {first_day: "0.000137"}}, [])
    reprice(books, machine, "0.00731", on=dt.date(2026, 1, 11))
    both = range(JANUARY.start_hour, FEBRUARY.end_hour)
    record(books, make_subscription(acme, machine, production), dict.fromkeys(both, UNIT))
    record(
        books,
        make_subscription(acme, machine, staging),
        {hour: 333_333_333 + hour % 7 for hour in both if hour % 3},
    )
    record(
        books,
        make_subscription(acme, disk, production),
        {hour: 40 * UNIT + hour % 13 for hour in both if hour % 24 > 8},
    )
    return books


# -- against the truth --------------------------------------------------------------------------------
WINDOWS = {
    "a whole month": (JANUARY.start_hour, JANUARY.end_hour),
    "from midday to midday": (hour_at(JANUARY, 5, 12), hour_at(JANUARY, 25, 12)),
    "a few hours of one day": (hour_at(JANUARY, 7, 3), hour_at(JANUARY, 7, 19)),
    "the edge of a price": (hour_at(JANUARY, 10, 23), hour_at(JANUARY, 11, 1)),
    "from a price's midnight on": (hour_at(JANUARY, 11), hour_at(JANUARY, 12)),
    "the last hour of a month": (JANUARY.end_hour - 1, JANUARY.end_hour),
    "the end of one month and the start of the next": (hour_at(JANUARY, 30, 22), hour_at(FEBRUARY, 2, 3)),
    "two months": (JANUARY.start_hour, FEBRUARY.end_hour),
    "long before to long after": (JANUARY.start_hour - 5000, FEBRUARY.end_hour + 5000),
}


@pytest.mark.parametrize("step", list(Step))
def test_a_rated_window_has_the_lines_points_and_cents_of_an_independent_computation(acme, books, step):
    for name, window in WINDOWS.items():
        assert told(rated_usage(acme, Window(*window), step)) == books.points(*window, step), name


def test_a_price_that_changes_within_the_month_gives_two_lines(acme, books):
    found = rated_usage(acme, whole(JANUARY))
    machines = [each for each in found if each.line.project_id == found[0].line.project_id]
    assert len(found) == 5
    assert {str(each.line.unit_price) for each in machines} == {"0.00694", "0.00731", "0.000137"}


def test_the_step_of_the_data_points_never_changes_the_cost_of_a_line(acme, books):
    window = Window(hour_at(JANUARY, 5, 12), hour_at(FEBRUARY, 20, 7))
    by_step = [{each.line: each.cost for each in rated_usage(acme, window, step)} for step in Step]
    assert by_step[0] == by_step[1] == by_step[2]


def test_two_windows_that_tile_a_month_add_up_to_it(acme, books):
    month = total(rated_usage(acme, whole(JANUARY)))
    for cut in (1, 23, 24, 25, 240, 241, 500, 743):
        edge = JANUARY.start_hour + cut
        first = rated_usage(acme, Window(JANUARY.start_hour, edge))
        assert total(first) + total(rated_usage(acme, Window(edge, JANUARY.end_hour))) == month, cut


def test_the_costs_of_single_days_are_the_data_points_of_their_month(acme, books):
    by_day = defaultdict(int)
    for each in rated_usage(acme, whole(JANUARY), Step.DAY):
        for point in each.points:
            by_day[point.hour] += point.cents
    for start in range(JANUARY.start_hour, JANUARY.end_hour, HOURS_A_DAY):
        assert total(rated_usage(acme, Window(start, start + HOURS_A_DAY))) == by_day[start]


def test_usage_of_a_later_hour_never_changes_a_past_amount(acme, books):
    past = Window(JANUARY.start_hour, hour_at(JANUARY, 20))
    before = told(rated_usage(acme, past, Step.HOUR))
    use(make_subscription(acme, make_product()), {hour_at(JANUARY, 25): "3.7"})
    assert told(rated_usage(acme, past, Step.HOUR)) == before


def test_the_cost_of_several_months_is_the_sum_of_their_costs(acme, books):
    both = rated_usage(acme, Window(JANUARY.start_hour, FEBRUARY.end_hour))
    assert total(both) == sum(total(rated_usage(acme, whole(month))) for month in (JANUARY, FEBRUARY))


def test_rated_months_come_in_order(acme, books):
    months = [each.line.month for each in rated_usage(acme, Window(JANUARY.start_hour, FEBRUARY.end_hour))]
    assert months == sorted(months)
    assert set(months) == {JANUARY, FEBRUARY}


def test_the_cumulative_quantity_of_a_line_starts_anew_each_month(acme):
    subscription = make_subscription(acme, make_product(price="0.005"))
    use(subscription, {JANUARY.end_hour - 1: 1, JANUARY.end_hour: 1})
    both = rated_usage(acme, Window(JANUARY.start_hour, FEBRUARY.end_hour))
    assert [each.cost.cents for each in both] == [1, 1]


def test_rated_usage_has_the_quantity_of_its_line_before_the_window(acme):
    subscription = make_subscription(acme, make_product())
    use(subscription, {hour_at(JANUARY, 1): 2, hour_at(JANUARY, 2, 5): 3, hour_at(JANUARY, 2, 6): 4})
    (found,) = rated_usage(acme, Window(hour_at(JANUARY, 2, 6), JANUARY.end_hour))
    assert (found.quantity_before_nano, found.quantity_nano) == (5 * UNIT, 4 * UNIT)


def test_a_price_that_comes_back_within_a_month_is_one_line(acme):
    product = make_product(price="0.004")
    books = Books("EUR", {product.id: {dt.date(1970, 1, 1): "0.004"}}, [])
    reprice(books, product, "0.006", on=dt.date(2026, 1, 11))
    reprice(books, product, "0.004", on=dt.date(2026, 1, 21))
    record(books, make_subscription(acme, product), {hour_at(JANUARY, day): UNIT for day in range(1, 32)})
    assert len(rated_usage(acme, whole(JANUARY))) == 2
    for step in Step:
        assert told(rated_usage(acme, whole(JANUARY), step)) == books.points(
            JANUARY.start_hour, JANUARY.end_hour, step
        )


def test_the_price_of_another_product_does_not_cut_a_line(acme):
    machine, disk = make_product("vm", "0.00694"), make_product("disk", "1")
    use_all_hours(make_subscription(acme, machine), JANUARY)
    use(make_subscription(acme, disk), {hour_at(JANUARY, 1): 1})
    catalogue.set_price(disk, "EUR", Decimal(2), start_day=JANUARY.start_day + 10)
    db.session.commit()
    found = rated_usage(acme, whole(JANUARY))
    assert sorted(each.cost.cents for each in found) == [100, 516]


def test_two_subscriptions_of_one_project_and_product_are_one_line(acme):
    product, project = make_product(price="0.005"), make_project(acme)
    for _ in range(2):
        use(make_subscription(acme, product, project), {hour_at(JANUARY, 1): 1})
    (found,) = rated_usage(acme, whole(JANUARY))
    assert (found.quantity_nano, found.cost) == (2 * UNIT, Money(1, "EUR"))


def test_a_month_of_one_machine_costs_what_api_md_shows(acme):
    use_all_hours(make_subscription(acme, make_product(price="0.00694")), JANUARY)
    (found,) = rated_usage(acme, whole(JANUARY))
    assert (found.quantity_nano, found.cost) == (744 * UNIT, Money(516, "EUR"))


def test_a_subscription_of_the_organization_itself_has_no_project(acme):
    product = make_product(price="0.01")
    use(make_subscription(acme, product), {hour_at(JANUARY, 1): 1})
    use(make_subscription(acme, product, make_project(acme)), {hour_at(JANUARY, 1): 2})
    found = {each.line.project_id: each.cost.cents for each in rated_usage(acme, whole(JANUARY))}
    assert found.pop(None) == 1
    assert list(found.values()) == [2]


def test_a_subscription_without_usage_has_no_rated_line(acme):
    make_subscription(acme, make_product())
    assert not any(rated_usage(acme, whole(JANUARY), step) for step in Step)


def test_an_empty_window_has_no_rated_line(acme, books):
    empty = Window(hour_at(JANUARY, 5, 3), hour_at(JANUARY, 5, 3))
    assert not any(rated_usage(acme, empty, step) for step in Step)


def test_a_quantity_of_zero_is_a_rated_line_of_zero(acme):
    use(make_subscription(acme, make_product()), {hour_at(JANUARY, 1): 0})
    (found,) = rated_usage(acme, whole(JANUARY))
    assert (found.quantity_nano, found.cost.cents) == (0, 0)


# -- organizations ------------------------------------------------------------------------------------
def test_usage_of_another_organization_is_not_rated(acme, books):
    other = make_organization("Other AG")
    before = told(rated_usage(acme, whole(JANUARY)))
    use_all_hours(make_subscription(other, make_product()), JANUARY)
    assert told(rated_usage(acme, whole(JANUARY))) == before


def test_rating_several_organizations_at_once_equals_rating_each_alone(acme, books):
    yen, empty = make_organization("Nippon KK", currency="JPY"), make_organization("Empty AG")
    use_all_hours(make_subscription(yen, make_product(price="0.7", currency="JPY")), JANUARY)
    window = Window(hour_at(JANUARY, 3, 4), hour_at(FEBRUARY, 3, 4))
    for step in Step:
        found = rated_usage_by_organization([acme, yen, empty], window, step)
        assert set(found) == {acme.id, yen.id, empty.id}
        for each in (acme, yen, empty):
            assert told(found[each.id]) == told(rated_usage(each, window, step))


def test_a_product_may_have_a_price_in_each_currency(acme):
    yen = make_organization("Nippon KK", currency="JPY")
    product = make_product(price="0.01")
    catalogue.set_price(product, "JPY", Decimal("1.5"), start_day=0)
    db.session.commit()
    for each in (acme, yen):
        use(make_subscription(each, product), {hour_at(JANUARY, 1): 3})
    found = rated_usage_by_organization([acme, yen], whole(JANUARY))
    assert [each.cost for each in found[acme.id]] == [Money(3, "EUR")]
    assert [each.cost for each in found[yen.id]] == [Money(5, "JPY")]  # 4.5 yen


@pytest.mark.parametrize(
    ("currency", "price", "cents"),
    [("EUR", "0.005", 1), ("JPY", "0.5", 1), ("JPY", "0.4", 0), ("KWD", "0.0005", 1), ("KWD", "1.234", 1234)],
)
def test_amounts_are_rounded_to_the_minor_unit_of_their_currency(app, currency, price, cents):
    organization = make_organization(currency=currency)
    use(
        make_subscription(organization, make_product(price=price, currency=currency)), {JANUARY.start_hour: 1}
    )
    (found,) = rated_usage(organization, whole(JANUARY))
    assert found.cost == Money(cents, currency)


# -- prices -------------------------------------------------------------------------------------------
def unpriced(name="free"):
    return catalogue.product_by_code(name, name=name, unit="hour", metering=Metering.USAGE)


def test_usage_of_a_product_without_a_price_is_refused(acme):
    use(make_subscription(acme, unpriced()), {hour_at(JANUARY, 1): 1})
    with pytest.raises(UnpricedError):
        rated_usage(acme, whole(JANUARY))


def test_a_price_in_another_currency_is_no_price(acme):
    use(make_subscription(acme, make_product(currency="USD")), {hour_at(JANUARY, 1): 1})
    with pytest.raises(UnpricedError):
        rated_usage(acme, whole(JANUARY))


def test_usage_before_the_first_price_is_refused(acme):
    product = unpriced()
    catalogue.set_price(product, "EUR", Decimal(1), start_day=JANUARY.start_day + 1)
    use(make_subscription(acme, product), {hour_at(JANUARY, 1, 23): 1})
    with pytest.raises(UnpricedError):
        rated_usage(acme, whole(JANUARY))


def test_usage_from_the_midnight_of_the_first_price_on_is_priced(acme):
    product = unpriced()
    catalogue.set_price(product, "EUR", Decimal(1), start_day=JANUARY.start_day + 1)
    use(make_subscription(acme, product), {hour_at(JANUARY, 2): 1})
    assert total(rated_usage(acme, whole(JANUARY))) == 100


def test_a_price_of_zero_is_a_price(acme):
    use(make_subscription(acme, make_product(price="0")), {hour_at(JANUARY, 1): 1})
    (found,) = rated_usage(acme, whole(JANUARY))
    assert found.cost == Money(0, "EUR")


def test_a_subscription_without_usage_needs_no_price(acme):
    make_subscription(acme, unpriced())
    assert rated_usage(acme, whole(JANUARY)) == []


# -- size ---------------------------------------------------------------------------------------------
def test_two_maximal_subscription_months_do_not_overflow(acme):
    product = make_product(price="0.00000123")
    for number in range(2):
        subscription = make_subscription(acme, product, since=JANUARY)
        rows = [
            {
                "organization_id": acme.id,
                "day": day,
                "subscription_id": subscription.id,
                "quantity_nano": ENTRY_MAX_NANO * HOURS_A_DAY - number,
            }
            for day in range(JANUARY.start_day, JANUARY.end_day)
        ]
        db.session.execute(insert(UsageDay), rows)
    db.session.commit()
    quantity = ENTRY_MAX_NANO * 744 * 2 - 31
    assert quantity > 2**63
    (found,) = rated_usage(acme, whole(JANUARY))
    assert found.quantity_nano == quantity
    assert found.cost.cents == half_up(Fraction(quantity, UNIT) * Fraction("0.00000123") * 100)


def test_maximal_hours_do_not_overflow_in_hourly_data_points(acme):
    product = make_product(price="0.00000123")
    hours = range(hour_at(JANUARY, 1), hour_at(JANUARY, 1) + 23)
    for _ in range(50):
        subscription = make_subscription(acme, product)
        entries = [Entry(hour, subscription.id, ENTRY_MAX_NANO) for hour in hours]
        write_entries(acme.id, entries, now=NOW)
    db.session.commit()
    (found,) = rated_usage(acme, Window(hours.start, hours.stop))
    assert found.quantity_nano == 23 * 50 * ENTRY_MAX_NANO > 2**63


def test_the_largest_price_and_the_largest_entry_are_exact(acme):
    price = Decimal(2**63 - 1).scaleb(-12)
    use(make_subscription(acme, make_product(price=price)), {hour_at(JANUARY, 1): 10**7})
    (found,) = rated_usage(acme, whole(JANUARY))
    assert found.line.rated == RatedLine(2**63 - 1, "EUR")
    assert found.cost.cents == half_up(Fraction(2**63 - 1, 10**12) * 10**9)


# -- anything -----------------------------------------------------------------------------------------
EDGE = JANUARY.end_hour
quantities = st.dictionaries(
    st.integers(EDGE - 72, EDGE + 48),
    st.one_of(st.sampled_from([0, 1, UNIT // 2, UNIT, 3 * UNIT]), st.integers(0, 100 * UNIT)),
    max_size=25,
)
price_texts = st.sampled_from(["0", "0.005", "0.00694", "0.0049999", "1.23", "0.000000000001"])
cuts = st.lists(st.integers(EDGE - 80, EDGE + 55), min_size=2, max_size=5).map(sorted)


@some
@given(st.lists(quantities, min_size=1, max_size=4), st.lists(price_texts, min_size=4, max_size=4), cuts)
def test_the_cost_of_any_usage_prices_and_windows_is_right_and_tiles(app, usage, prices, cuts):
    acme = make_organization()
    products = [make_product(price=prices[0]), make_product(price=prices[1])]
    books = Books("EUR", {each.id: {dt.date(1970, 1, 1): prices[i]} for i, each in enumerate(products)}, [])
    reprice(books, products[0], prices[2], on=dt.date(2026, 1, 31))
    reprice(books, products[1], prices[3], on=dt.date(2026, 2, 1))
    projects = [None, make_project(acme)]
    for number, each in enumerate(usage):
        subscription = make_subscription(acme, products[number % 2], projects[number // 2 % 2])
        record(books, subscription, each)
    start, end = cuts[0], cuts[-1]
    for step in Step:
        assert told(rated_usage(acme, Window(start, end), step)) == books.points(start, end, step)
    parts = [rated_usage(acme, Window(a, b)) for a, b in pairwise(cuts)]
    assert sum(map(total, parts)) == total(rated_usage(acme, Window(start, end)))


def test_months_without_usage_have_no_rated_lines(acme):
    subscription = make_subscription(acme, make_product(price="1"))
    use(subscription, {hour_at(JANUARY, 1): 1, hour_at(MARCH, 1): 1})
    found = rated_usage(acme, Window(JANUARY.start_hour, MARCH.end_hour))
    assert [each.line.month for each in found] == [JANUARY, MARCH]
