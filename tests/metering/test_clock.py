"""The clock: one unit for each full hour of a time-priced subscription, once."""

import datetime as dt

import pytest

from portal.metering import clock as metering
from portal.metering.clock import meter_hours
from portal.models import Metering, Subscription, UsageCorrection, UsageDay, UsageHour
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
)
from tests.months import close


@pytest.fixture
def vm(app):
    return make_product("vm", metering=Metering.TIME)


def run(at=NOW):
    db.session.commit()
    new = meter_hours(now=at)
    db.session.expire_all()
    return new


def hours_of(subscription):
    query = (
        db.select(UsageHour.hour, UsageHour.quantity_nano)
        .where(
            UsageHour.organization_id == subscription.organization_id,
            UsageHour.subscription_id == subscription.id,
        )
        .order_by(UsageHour.hour)
    )
    return [tuple(each) for each in db.session.execute(query)]


def entries(start, end):
    return [(hour, 10**9) for hour in range(start, end)]


def test_the_clock_meters_one_unit_for_each_full_hour(acme, vm):
    subscription = make_subscription(acme, vm, make_project(acme), since=MARCH)

    assert run() == 9 * 24 + 12
    assert hours_of(subscription) == entries(MARCH.start_hour, hour_at(MARCH, 10, 12))


def test_the_clock_does_not_meter_the_running_hour(acme, vm):
    make_subscription(acme, vm, since=MARCH)
    run(dt.datetime(2026, 3, 1, 0, 59, 59, tzinfo=dt.UTC))
    assert db.session.scalars(db.select(UsageHour)).all() == []

    assert run(dt.datetime(2026, 3, 1, 1, tzinfo=dt.UTC)) == 1


def test_running_the_clock_again_writes_nothing_new(acme, vm):
    make_subscription(acme, vm, since=MARCH)
    run()

    assert run() == 0


def test_the_clock_meters_one_more_entry_an_hour_later(acme, vm):
    make_subscription(acme, vm, since=MARCH)
    run()

    assert run(NOW + dt.timedelta(hours=1)) == 1


def test_a_clock_that_goes_back_meters_nothing(acme, vm):
    subscription = make_subscription(acme, vm, since=MARCH)
    run()

    assert run(NOW - dt.timedelta(days=5)) == 0
    assert subscription.metered_until_hour == hour_at(MARCH, 10, 12)


def test_the_clock_meters_a_subscription_that_starts_in_the_middle_of_a_month(acme, vm):
    subscription = make_subscription(acme, vm)
    subscription.start_hour = subscription.metered_until_hour = hour_at(MARCH, 10, 9)
    run()

    assert hours_of(subscription) == entries(hour_at(MARCH, 10, 9), hour_at(MARCH, 10, 12))


def test_the_clock_stops_metering_at_the_end_of_a_subscription(acme, vm):
    subscription = make_subscription(acme, vm, since=MARCH, end_hour=hour_at(MARCH, 3, 5))
    run()

    assert hours_of(subscription) == entries(MARCH.start_hour, hour_at(MARCH, 3, 5))
    assert subscription.metered_until_hour == hour_at(MARCH, 3, 5)
    assert run(NOW + dt.timedelta(days=3)) == 0


def test_the_clock_meters_until_now_when_a_subscription_ends_in_the_future(acme, vm):
    subscription = make_subscription(acme, vm, since=MARCH, end_hour=hour_at(MARCH, 10, 13))
    run()
    assert subscription.metered_until_hour == hour_at(MARCH, 10, 12)

    assert run(NOW + dt.timedelta(hours=9)) == 1


def test_a_subscription_that_begins_in_the_future_is_not_metered_yet(acme, vm):
    make_subscription(acme, vm, since=MARCH.shifted(1))

    assert run() == 0


def test_a_subscription_that_ended_where_it_began_has_no_hours(acme, vm):
    make_subscription(acme, vm, since=MARCH, end_hour=MARCH.start_hour)

    assert run() == 0


def test_the_clock_leaves_usage_priced_subscriptions_alone(acme):
    make_subscription(acme, make_product("egress", metering=Metering.USAGE), since=MARCH)

    assert run() == 0


def test_hours_that_the_clock_meters_are_summed_to_days(acme, vm):
    make_subscription(acme, vm, since=MARCH)
    run()

    sums = db.session.scalars(db.select(UsageDay.quantity_nano).order_by(UsageDay.day)).all()
    assert sums == [24 * 10**9] * 9 + [12 * 10**9]


def test_the_clock_meters_every_organization(vm):
    for _ in range(3):
        make_subscription(make_organization(), vm, since=MARCH)

    assert run(dt.datetime(2026, 3, 2, tzinfo=dt.UTC)) == 72


def test_subscriptions_with_different_lives_are_metered_together(acme, vm):
    first = make_subscription(acme, vm, since=FEBRUARY, end_hour=hour_at(FEBRUARY, 2))
    second = make_subscription(acme, vm, since=MARCH)

    assert run() == 24 + 9 * 24 + 12
    assert (len(hours_of(first)), len(hours_of(second))) == (24, 9 * 24 + 12)


def test_a_clock_run_killed_between_two_organizations_is_finished_by_the_next(vm, monkeypatch):
    subscriptions = [make_subscription(make_organization(), vm, since=MARCH) for _ in range(2)]
    second = subscriptions[1].organization_id
    meter = metering._meter

    def killed(organization_id, *rest):
        if organization_id == second:
            raise KeyboardInterrupt
        return meter(organization_id, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(metering, "_meter", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    db.session.rollback()

    assert run() == 9 * 24 + 12
    assert [len(hours_of(each)) for each in subscriptions] == [9 * 24 + 12] * 2


def test_a_clock_run_killed_before_it_commits_leaves_no_entry(acme, vm, monkeypatch):
    make_subscription(acme, vm, since=MARCH)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(metering, "_last", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    db.session.rollback()
    assert db.session.scalars(db.select(UsageHour)).all() == []

    assert run() == 9 * 24 + 12


def test_hours_that_a_collector_has_already_reported_are_metered_once(acme, vm):
    from tests.factories import use

    subscription = make_subscription(acme, vm, since=MARCH)
    use(subscription, {MARCH.start_hour: 1})

    assert run() == 9 * 24 + 11
    assert hours_of(subscription)[0] == (MARCH.start_hour, 10**9)


def test_owed_hours_of_an_invoiced_month_are_metered_as_corrections(acme, vm):
    make_subscription(acme, vm)
    run()
    close(now=NOW, grace_days=3)
    late = make_subscription(acme, vm)
    db.session.commit()

    assert run() == (31 + 28 + 9) * 24 + 12
    assert hours_of(late)[0][0] == MARCH.start_hour
    assert len(db.session.scalars(db.select(UsageCorrection)).all()) == (31 + 28) * 24
    assert run() == 0


def test_the_leap_day_has_its_hours(acme, vm):
    from portal.domain.period import Month

    make_subscription(acme, vm, since=Month(2028, 2))

    assert run(dt.datetime(2028, 3, 1, tzinfo=dt.UTC)) == 29 * 24


def test_no_hour_is_metered_twice_over_many_runs_of_the_clock(acme, vm):
    subscription = make_subscription(acme, vm, since=JANUARY)
    at = JANUARY.starts_at
    for minutes in (10, 50, 61, 119, 240, 1, 3000, 59):
        at += dt.timedelta(minutes=minutes)
        run(at)

    (row,) = db.session.scalars(db.select(Subscription)).all()
    assert hours_of(subscription) == entries(JANUARY.start_hour, row.metered_until_hour)
    assert row.metered_until_hour == JANUARY.start_hour + 59
