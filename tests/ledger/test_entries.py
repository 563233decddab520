"""Usage entries: any order, any repetition, the same days; what differs from an invoiced month is apart."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import select

from portal.domain.period import HOURS_A_DAY
from portal.domain.rating import ENTRY_MAX_NANO
from portal.ledger import entries as ledger_entries
from portal.ledger.entries import Entry, deliver, write_entries
from portal.ledger.usage_rows import Key
from portal.models import Invoice, UsageCorrection, UsageDay, UsageHour, add_owned
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
)
from tests.properties import examples

some = examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
UNIT = 10**9


def hours_of(organization):
    query = select(UsageHour.hour, UsageHour.subscription_id, UsageHour.quantity_nano).where(
        UsageHour.organization_id == organization.id
    )
    return {(hour, subscription): nano for hour, subscription, nano in db.session.execute(query)}


def days_of(organization):
    query = select(UsageDay.day, UsageDay.subscription_id, UsageDay.quantity_nano).where(
        UsageDay.organization_id == organization.id
    )
    return {(day, subscription): nano for day, subscription, nano in db.session.execute(query)}


def days_from_hours(organization):
    sums = defaultdict(int)
    for (hour, subscription), nano in hours_of(organization).items():
        sums[hour // HOURS_A_DAY, subscription] += nano
    return dict(sums)


def revision_of(organization, hour, subscription_id):
    return db.session.scalar(
        select(UsageHour.revision).where(
            UsageHour.organization_id == organization.id,
            UsageHour.hour == hour,
            UsageHour.subscription_id == subscription_id,
        )
    )


def corrections_of(organization):
    query = (
        select(UsageCorrection.hour, UsageCorrection.subscription_id, UsageCorrection.delta_nano)
        .where(UsageCorrection.organization_id == organization.id)
        .order_by(UsageCorrection.id)
    )
    return [tuple(row) for row in db.session.execute(query)]


def truth_of(organization):
    """What counts: the hours, and what came after they were invoiced."""
    sums = defaultdict(int, hours_of(organization))
    for hour, subscription, delta in corrections_of(organization):
        sums[hour, subscription] += delta
    return dict(sums)


def write(organization, *entries):
    written = write_entries(organization.id, entries, now=NOW)
    db.session.commit()
    return written


def counts(written):
    return written.new, written.same, written.replaced, written.corrections


def close(organization, month):
    invoice = Invoice(
        period=str(month),
        number=f"{organization.number}-{month}",
        currency=organization.currency,
        total_cents=0,
        closed_at=NOW,
    )
    add_owned(organization.id, invoice)
    db.session.commit()


def make_subscriptions(organization, count):
    """Numbered from 1, as an organization's first are."""
    product = make_product()
    for _ in range(count):
        make_subscription(organization, product)


@pytest.fixture
def subscription(acme):
    return make_subscription(acme, make_product())


def test_a_first_delivery_of_usage_is_new(acme, subscription):
    written = write(acme, Entry(hour_at(JANUARY, 1), subscription.id, UNIT))
    assert counts(written) == (1, 0, 0, 0)


def test_an_empty_delivery_of_usage_writes_nothing(acme):
    assert counts(write(acme)) == (0, 0, 0, 0)
    assert hours_of(acme) == {}


def test_a_repeated_delivery_of_usage_changes_nothing(acme, subscription):
    entries = [Entry(hour_at(JANUARY, 1, hour), subscription.id, UNIT + hour) for hour in range(30)]
    write(acme, *entries)
    before = hours_of(acme), days_of(acme)
    written = write(acme, *entries)
    assert counts(written) == (0, 30, 0, 0)
    assert (hours_of(acme), days_of(acme)) == before


def test_a_repeated_delivery_of_usage_keeps_the_revision(acme, subscription):
    entry = Entry(hour_at(JANUARY, 1), subscription.id, UNIT)
    write(acme, entry)
    write(acme, entry)
    assert revision_of(acme, entry.hour, subscription.id) == 0


def test_an_entry_of_another_quantity_is_counted_as_a_replacement(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT))
    written = write(acme, Entry(hour, subscription.id, 2 * UNIT))
    assert counts(written) == (0, 0, 1, 0)
    assert hours_of(acme) == {(hour, subscription.id): 2 * UNIT}


def test_each_replacement_of_an_entry_raises_its_revision(acme, subscription):
    hour = hour_at(JANUARY, 1)
    for quantity in (1, 2, 1):
        write(acme, Entry(hour, subscription.id, quantity * UNIT))
    assert revision_of(acme, hour, subscription.id) == 2


def test_a_replacement_can_make_a_quantity_smaller_and_its_day_follows(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, 5 * UNIT), Entry(hour + 1, subscription.id, UNIT))
    write(acme, Entry(hour, subscription.id, 0))
    assert days_of(acme) == {(hour // HOURS_A_DAY, subscription.id): UNIT}


def test_a_quantity_of_zero_is_an_entry_too(acme, subscription):
    hour = hour_at(JANUARY, 1)
    assert counts(write(acme, Entry(hour, subscription.id, 0))) == (1, 0, 0, 0)
    assert hours_of(acme) == {(hour, subscription.id): 0}


def test_a_delivery_of_usage_may_hold_new_equal_and_replacing_entries(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT), Entry(hour + 1, subscription.id, UNIT))
    written = write(
        acme,
        Entry(hour, subscription.id, UNIT),
        Entry(hour + 1, subscription.id, 2 * UNIT),
        Entry(hour + 2, subscription.id, 3 * UNIT),
    )
    assert counts(written) == (1, 1, 1, 0)
    assert sorted(hours_of(acme).values()) == [UNIT, 2 * UNIT, 3 * UNIT]


def test_the_largest_entry_is_kept_exactly(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, ENTRY_MAX_NANO))
    assert hours_of(acme) == {(hour, subscription.id): ENTRY_MAX_NANO}


@pytest.mark.parametrize("quantity", [-1, ENTRY_MAX_NANO + 1])
def test_a_quantity_out_of_bounds_raises_when_an_entry_is_written(acme, subscription, quantity):
    with pytest.raises(AssertionError):
        write(acme, Entry(hour_at(JANUARY, 1), subscription.id, quantity))


def test_days_of_usage_that_are_far_apart_are_summed_separately(acme, subscription):
    hours = [hour_at(JANUARY, 1), hour_at(JANUARY, 2, 23), hour_at(JANUARY, 20), hour_at(MARCH, 5)]
    write(acme, *(Entry(hour, subscription.id, UNIT) for hour in hours))
    assert days_of(acme) == {(hour // HOURS_A_DAY, subscription.id): UNIT for hour in hours}


def test_entries_out_of_order_are_written_all_the_same(acme, subscription):
    hours = [hour_at(FEBRUARY, 3), hour_at(JANUARY, 1), hour_at(FEBRUARY, 3, 1), hour_at(JANUARY, 1, 5)]
    write(acme, *(Entry(hour, subscription.id, UNIT) for hour in hours))
    assert days_of(acme) == days_from_hours(acme)
    assert len(hours_of(acme)) == 4


def test_a_batch_of_entries_that_fails_writes_nothing(acme, subscription):
    hour = hour_at(JANUARY, 1)
    with pytest.raises(AssertionError):
        write_entries(
            acme.id, [Entry(hour, subscription.id, UNIT), Entry(hour + 1, subscription.id, -1)], now=NOW
        )
    db.session.rollback()
    assert hours_of(acme) == {}


# -- batches ----------------------------------------------------------------------------------------
def test_a_delivery_larger_than_a_batch_is_written_whole(acme, subscription, monkeypatch):
    monkeypatch.setattr(ledger_entries, "_BATCH", 7)
    entries = [Entry(hour_at(JANUARY, 1) + hour, subscription.id, UNIT + hour) for hour in range(60)]
    assert counts(write(acme, *entries)) == (60, 0, 0, 0)
    assert hours_of(acme) == {(entry.hour, entry.subscription_id): entry.quantity_nano for entry in entries}
    assert days_of(acme) == days_from_hours(acme)


def test_a_day_that_two_batches_share_is_summed_from_both(acme, subscription, monkeypatch):
    monkeypatch.setattr(ledger_entries, "_BATCH", 10)
    day = hour_at(JANUARY, 1)
    write(acme, *(Entry(day + hour, subscription.id, UNIT) for hour in range(24)))
    assert days_of(acme) == {(day // HOURS_A_DAY, subscription.id): 24 * UNIT}


def test_counts_of_entries_go_on_from_batch_to_batch(acme, subscription, monkeypatch):
    monkeypatch.setattr(ledger_entries, "_BATCH", 2)
    start = hour_at(JANUARY, 1)
    write(acme, *(Entry(start + hour, subscription.id, UNIT) for hour in range(5)))
    written = write(acme, *(Entry(start + hour, subscription.id, hour * UNIT) for hour in range(8)))
    assert counts(written) == (3, 1, 4, 0)


def test_entries_may_come_one_by_one_from_a_generator(acme, subscription):
    start = hour_at(JANUARY, 1)
    entries = (Entry(start + hour, subscription.id, UNIT) for hour in range(3))
    written = write_entries(acme.id, entries, now=NOW)
    assert written.new == 3


# -- revisions --------------------------------------------------------------------------------------
def test_an_entry_of_a_higher_revision_replaces_a_lower_one(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 3))
    assert counts(write(acme, Entry(hour, subscription.id, 2 * UNIT, 7))) == (0, 0, 1, 0)
    assert hours_of(acme) == {(hour, subscription.id): 2 * UNIT}
    assert revision_of(acme, hour, subscription.id) == 7


def test_a_higher_revision_of_the_same_quantity_counts_as_the_same_and_is_kept(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 1))
    assert counts(write(acme, Entry(hour, subscription.id, UNIT, 2))) == (0, 1, 0, 0)
    assert revision_of(acme, hour, subscription.id) == 2


def test_a_lower_revision_is_stale_and_changes_nothing(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 2))
    written = write(acme, Entry(hour, subscription.id, 5 * UNIT, 1))
    assert (counts(written), written.stale) == ((0, 0, 0, 0), 1)
    assert hours_of(acme) == {(hour, subscription.id): UNIT}
    assert revision_of(acme, hour, subscription.id) == 2


def test_a_repeated_revision_with_the_same_quantity_counts_as_the_same(acme, subscription):
    entry = Entry(hour_at(JANUARY, 1), subscription.id, UNIT, 4)
    write(acme, entry)
    assert counts(write(acme, entry)) == (0, 1, 0, 0)


def test_a_repeated_revision_with_another_quantity_is_a_conflict_and_nothing_is_written(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 4))
    written = write(acme, Entry(hour, subscription.id, 2 * UNIT, 4), Entry(hour + 1, subscription.id, UNIT))
    assert written.conflicts == [Key(acme.id, hour, subscription.id)]
    assert hours_of(acme) == {(hour, subscription.id): UNIT}


def test_a_change_of_an_entry_without_a_revision_counts_as_the_next_revision(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 4))
    assert counts(write(acme, Entry(hour, subscription.id, 2 * UNIT))) == (0, 0, 1, 0)
    assert revision_of(acme, hour, subscription.id) == 5


def test_a_repeated_entry_without_a_revision_keeps_its_revision(acme, subscription):
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT, 4))
    assert counts(write(acme, Entry(hour, subscription.id, UNIT))) == (0, 1, 0, 0)
    assert revision_of(acme, hour, subscription.id) == 4


def test_a_delivery_with_two_entries_of_one_key_raises(acme, subscription):
    entry = Entry(hour_at(JANUARY, 1), subscription.id, UNIT)
    with pytest.raises(AssertionError):
        write(acme, entry, entry)


# -- a month that was invoiced ----------------------------------------------------------------------
def test_a_changed_hour_of_an_invoiced_month_stays_and_is_a_correction(acme, subscription):
    hour = hour_at(JANUARY, 31, 23)
    write(acme, Entry(hour, subscription.id, UNIT))
    close(acme, JANUARY)
    before = hours_of(acme), days_of(acme)
    assert counts(write(acme, Entry(hour, subscription.id, 3 * UNIT))) == (0, 0, 0, 1)
    assert corrections_of(acme) == [(hour, subscription.id, 2 * UNIT)]
    assert (hours_of(acme), days_of(acme)) == before


def test_a_new_hour_of_an_invoiced_month_is_a_correction(acme, subscription):
    close(acme, JANUARY)
    hour = hour_at(JANUARY, 1)
    assert counts(write(acme, Entry(hour, subscription.id, UNIT))) == (0, 0, 0, 1)
    assert corrections_of(acme) == [(hour, subscription.id, UNIT)]
    assert hours_of(acme) == days_of(acme) == {}


def test_a_correction_keeps_its_time_of_arrival_and_waits_for_an_invoice(acme, subscription):
    close(acme, JANUARY)
    write(acme, Entry(hour_at(JANUARY, 1), subscription.id, UNIT, 6))
    row = db.session.scalars(select(UsageCorrection)).one()
    assert (row.arrived_at, row.invoice_id, row.revision) == (NOW, None, 6)


def test_repeating_an_invoiced_hour_is_the_same_and_no_correction(acme, subscription):
    entry = Entry(hour_at(JANUARY, 15), subscription.id, UNIT)
    write(acme, entry)
    close(acme, JANUARY)
    assert counts(write(acme, entry)) == (0, 1, 0, 0)
    assert corrections_of(acme) == []


def test_a_second_correction_is_the_difference_to_the_first_not_to_the_frozen_hour(acme, subscription):
    hour = hour_at(JANUARY, 15)
    write(acme, Entry(hour, subscription.id, 5 * UNIT))
    close(acme, JANUARY)
    for quantity in (7, 7, 2, 0):
        write(acme, Entry(hour, subscription.id, quantity * UNIT))
    assert [delta for _, _, delta in corrections_of(acme)] == [2 * UNIT, -5 * UNIT, -2 * UNIT]
    assert truth_of(acme) == {(hour, subscription.id): 0}


def test_revisions_count_in_an_invoiced_month_too(acme, subscription):
    hour = hour_at(JANUARY, 15)
    write(acme, Entry(hour, subscription.id, 5 * UNIT, 3))
    close(acme, JANUARY)
    assert write(acme, Entry(hour, subscription.id, 9 * UNIT, 2)).stale == 1
    assert write(acme, Entry(hour, subscription.id, 9 * UNIT, 3)).conflicts
    assert write(acme, Entry(hour, subscription.id, 6 * UNIT, 5)).corrections == 1
    assert write(acme, Entry(hour, subscription.id, 9 * UNIT, 4)).stale == 1
    assert write(acme, Entry(hour, subscription.id, 9 * UNIT, 5)).conflicts
    assert truth_of(acme) == {(hour, subscription.id): 6 * UNIT}


def test_a_higher_revision_of_the_same_quantity_is_remembered_in_an_invoiced_month(acme, subscription):
    hour = hour_at(JANUARY, 15)
    write(acme, Entry(hour, subscription.id, 5 * UNIT))
    close(acme, JANUARY)
    assert counts(write(acme, Entry(hour, subscription.id, 5 * UNIT, 8))) == (0, 1, 0, 0)
    assert write(acme, Entry(hour, subscription.id, 9 * UNIT, 7)).stale == 1
    assert truth_of(acme) == {(hour, subscription.id): 5 * UNIT}


@pytest.mark.parametrize(
    "hour", [JANUARY.start_hour - 1, JANUARY.end_hour], ids=["the hour before", "the hour after"]
)
def test_the_months_beside_an_invoiced_month_are_open(acme, subscription, hour):
    close(acme, JANUARY)
    assert counts(write(acme, Entry(hour, subscription.id, UNIT))) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "hour", [JANUARY.start_hour, JANUARY.end_hour - 1], ids=["its first hour", "its last hour"]
)
def test_the_edges_of_an_invoiced_month_are_frozen(acme, subscription, hour):
    close(acme, JANUARY)
    assert counts(write(acme, Entry(hour, subscription.id, UNIT))) == (0, 0, 0, 1)


def test_a_delivery_over_open_and_frozen_months_writes_the_open_months(acme, subscription):
    close(acme, JANUARY)
    close(acme, MARCH)
    hours = [hour_at(JANUARY, 2), hour_at(FEBRUARY, 2), hour_at(MARCH, 2)]
    written = write(acme, *(Entry(hour, subscription.id, UNIT) for hour in hours))
    assert counts(written) == (1, 0, 0, 2)
    assert [hour for hour, _, _ in corrections_of(acme)] == [hours[0], hours[2]]
    assert list(hours_of(acme)) == [(hours[1], subscription.id)]


def test_an_invoice_of_one_organization_freezes_no_other(acme, subscription):
    other = make_organization("Other AG")
    theirs = make_subscription(other, make_product())
    close(acme, JANUARY)
    assert counts(write(other, Entry(hour_at(JANUARY, 1), theirs.id, UNIT))) == (1, 0, 0, 0)


def test_a_delivery_over_organizations_writes_each_entry_to_its_organization(acme, subscription):
    other = make_organization("Other AG")
    theirs = make_subscription(other, make_product())
    close(acme, JANUARY)
    hour = hour_at(JANUARY, 1)
    entries = [(acme.id, Entry(hour, subscription.id, UNIT)), (other.id, Entry(hour, theirs.id, 3 * UNIT))]
    assert counts(deliver(entries, now=NOW)) == (1, 0, 0, 1)
    assert corrections_of(acme) == [(hour, subscription.id, UNIT)]
    assert hours_of(other) == {(hour, theirs.id): 3 * UNIT}
    assert (hours_of(acme), corrections_of(other)) == ({}, [])


# -- organizations ----------------------------------------------------------------------------------
def test_two_organizations_with_the_same_subscription_number_do_not_mix(acme, subscription):
    other = make_organization("Other AG")
    theirs = make_subscription(other, make_product())
    assert theirs.id == subscription.id
    hour = hour_at(JANUARY, 1)
    write(acme, Entry(hour, subscription.id, UNIT))
    written = write(other, Entry(hour, theirs.id, 7 * UNIT))
    assert counts(written) == (1, 0, 0, 0)
    assert hours_of(acme) == {(hour, subscription.id): UNIT}
    assert days_of(other) == {(hour // HOURS_A_DAY, theirs.id): 7 * UNIT}


# -- any order, any repetition ----------------------------------------------------------------------
deliveries = st.lists(
    st.dictionaries(
        st.tuples(st.integers(JANUARY.end_hour - 30, JANUARY.end_hour + 30), st.integers(1, 3)),
        st.sampled_from([0, 1, UNIT, 5 * UNIT, ENTRY_MAX_NANO]),
        max_size=12,
    ),
    min_size=1,
    max_size=5,
)


@some
@given(deliveries)
def test_sums_of_days_equal_sums_of_hours_after_any_deliveries(app, deliveries):
    organization = make_organization()
    expected = {}
    for delivery in deliveries:
        write(organization, *(Entry(hour, number, nano) for (hour, number), nano in delivery.items()))
        expected |= delivery
    assert hours_of(organization) == expected
    assert days_of(organization) == days_from_hours(organization)


@some
@given(deliveries, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_cuts_and_repetition_of_deliveries_do_not_change_the_entries(app, deliveries, random, size):
    truth = {key: nano for delivery in deliveries for key, nano in delivery.items()}
    entries = [Entry(hour, number, nano) for (hour, number), nano in truth.items()]
    shuffled = [*entries, *random.choices(entries, k=len(entries))] if entries else []
    random.shuffle(shuffled)
    organization = make_organization()
    for start in range(0, len(shuffled), size):
        write(organization, *dict.fromkeys(shuffled[start : start + size]))
    assert hours_of(organization) == truth
    assert days_of(organization) == days_from_hours(organization)


@some
@given(deliveries, deliveries)
def test_every_entry_of_a_delivery_is_counted_once(app, first, second):
    organization = make_organization()
    make_subscriptions(organization, 3)
    close(organization, FEBRUARY)
    for delivery in [*first, *second]:
        before, frozen_before = truth_of(organization), hours_of(organization)
        entries = [Entry(hour, number, nano) for (hour, number), nano in delivery.items()]
        written = write(organization, *entries)
        same = [entry for entry in entries if before.get(entry[:2]) == entry.quantity_nano]
        late = [entry for entry in entries if entry.hour >= FEBRUARY.start_hour and entry not in same]
        nothing = [entry for entry in late if entry[:2] not in before and not entry.quantity_nano]
        assert written.same == len(same) + len(nothing)
        assert written.corrections == len(late) - len(nothing)
        assert sum(counts(written)) == len(entries)
        assert truth_of(organization) == before | delivery
        assert {
            key: nano for key, nano in hours_of(organization).items() if key[0] >= FEBRUARY.start_hour
        } == {key: nano for key, nano in frozen_before.items() if key[0] >= FEBRUARY.start_hour}
