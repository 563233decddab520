"""How complete usage is: the latest hour that is in, and the hours that are owed."""

import pytest

from portal.domain.period import Window, hour_of, start_of_hour
from portal.ledger.completeness import completeness
from portal.models import Metering
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    hour_at,
    make_organization,
    make_product,
    make_subscription,
    use,
)

WHOLE = Window(JANUARY.start_hour, JANUARY.end_hour)
MUCH_LATER = FEBRUARY.end_hour


def timed(organization, **facts):
    return make_subscription(organization, make_product(metering=Metering.TIME), **facts)


def metered_until(subscription, hour):
    subscription.metered_until_hour = hour
    db.session.commit()


def metered_through(organization_id, window):
    found = completeness(organization_id, window, now=start_of_hour(MUCH_LATER)).metered_through
    return found and hour_of(found)


def missing_hours(organization_id, window, *, now_hour):
    return completeness(organization_id, window, now=start_of_hour(now_hour)).missing_hours


# -- metered_through ----------------------------------------------------------------------------------
def test_an_organization_without_entries_has_no_latest_metered_hour(acme):
    assert metered_through(acme.id, WHOLE) is None


def test_the_latest_hour_with_an_entry_of_any_subscription_is_the_latest_metered_hour(acme):
    for hour in (5, 17, 11):
        use(make_subscription(acme, make_product()), {hour_at(JANUARY, 3, hour): 1})
    assert metered_through(acme.id, WHOLE) == hour_at(JANUARY, 3, 17)


def test_an_entry_of_zero_counts_as_metered(acme):
    use(make_subscription(acme, make_product()), {hour_at(JANUARY, 3): 0})
    assert metered_through(acme.id, WHOLE) == hour_at(JANUARY, 3)


def test_only_hours_of_the_window_count_for_the_latest_metered_hour(acme):
    use(
        make_subscription(acme, make_product()),
        {JANUARY.start_hour - 1: 1, JANUARY.start_hour: 1, JANUARY.end_hour: 1},
    )
    assert metered_through(acme.id, WHOLE) == JANUARY.start_hour


def test_the_latest_metered_hour_is_not_of_another_organization(acme):
    use(make_subscription(make_organization("Other AG"), make_product()), {hour_at(JANUARY, 3): 1})
    assert metered_through(acme.id, WHOLE) is None


# -- missing_hours ------------------------------------------------------------------------------------
def test_no_hour_is_missing_without_subscriptions(acme):
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 0


def test_a_time_priced_subscription_owes_every_hour_that_was_not_metered(acme):
    timed(acme)
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 744


def test_a_metered_hour_is_not_missing(acme):
    metered_until(timed(acme), hour_at(JANUARY, 31))
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 24


def test_a_fully_metered_window_is_complete(acme):
    metered_until(timed(acme), JANUARY.end_hour)
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 0


def test_hours_that_are_not_over_are_not_missing(acme):
    timed(acme)
    assert missing_hours(acme.id, WHOLE, now_hour=hour_at(JANUARY, 2, 3)) == 27


def test_no_hour_is_missing_ahead_of_time(acme):
    timed(acme)
    assert missing_hours(acme.id, WHOLE, now_hour=JANUARY.start_hour) == 0


def test_a_subscription_owes_no_hours_after_its_end(acme):
    timed(acme, end_hour=hour_at(JANUARY, 1, 5))
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 5


def test_the_future_end_of_a_subscription_makes_no_future_hours_missing(acme):
    timed(acme, end_hour=hour_at(JANUARY, 20))
    assert missing_hours(acme.id, WHOLE, now_hour=hour_at(JANUARY, 1, 5)) == 5


def test_a_subscription_owes_no_hours_before_its_start(acme):
    timed(acme, since=FEBRUARY)
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 0


def test_missing_hours_are_counted_for_each_subscription(acme):
    timed(acme)
    timed(acme)
    assert missing_hours(acme.id, Window(hour_at(JANUARY, 3), hour_at(JANUARY, 4)), now_hour=MUCH_LATER) == 48


def test_a_usage_priced_subscription_owes_no_hours(acme):
    make_subscription(acme, make_product(metering=Metering.USAGE))
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 0


def test_missing_hours_of_another_organization_do_not_count(acme):
    timed(make_organization("Other AG"))
    assert missing_hours(acme.id, WHOLE, now_hour=MUCH_LATER) == 0


@pytest.mark.parametrize("length", [0, -3])
def test_an_empty_window_has_no_missing_hours(acme, length):
    timed(acme)
    start = hour_at(JANUARY, 3)
    assert missing_hours(acme.id, Window(start, start + length), now_hour=MUCH_LATER) == 0
