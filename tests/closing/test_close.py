"""Closing a month: one invoice per organization and month, once, in order, whoever runs when."""

import datetime as dt
import threading
from decimal import Decimal

import pytest

from portal.closing import close as closing
from portal.closing import final
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.models import Delivery, Invoice, InvoiceItem, Project, UsageHour
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
from tests.months import close

GRACE_DAYS = 3


def run(at=NOW, grace_days=GRACE_DAYS):
    db.session.commit()
    made = close(now=at, grace_days=grace_days).made
    db.session.expire_all()
    return made


def invoices(organization=None):
    query = db.select(Invoice).order_by(Invoice.organization_id, Invoice.id)
    if organization is not None:
        query = query.where(Invoice.organization_id == organization.id)
    return db.session.scalars(query).all()


def periods(organization=None):
    return [each.period for each in invoices(organization)]


@pytest.fixture
def server(acme):
    return make_subscription(acme, make_product("vm", "0.00694"), make_project(acme))


@pytest.fixture
def january(server):
    use_all_hours(server, JANUARY)


def at(month, day, hour=0, minute=0):
    return dt.datetime(month.year, month.number, day, hour, minute, tzinfo=dt.UTC)


def test_a_month_is_closed_after_its_grace(january):
    assert run(at(FEBRUARY, 3, 23, 59)) == 0
    assert run(at(FEBRUARY, 4)) == 1


def test_without_grace_a_month_is_closed_as_soon_as_it_is_over(january):
    assert run(at(JANUARY, 31, 23, 59), grace_days=0) == 0
    assert run(at(FEBRUARY, 1), grace_days=0) == 1


def test_an_invoice_says_what_the_month_cost(acme, january):
    run()
    (invoice,) = invoices()

    assert (invoice.period, invoice.currency, invoice.total_cents) == ("2026-01", "EUR", 516)
    assert (invoice.number, invoice.closed_at) == (f"{acme.number}-0001", NOW)
    assert invoice.delivery == Delivery.PENDING
    (item,) = invoice.items
    assert (item.project_name, item.product_name, item.unit) == ("production", "vm", "hour")
    assert (item.unit_price, item.quantity_nano, item.total_cents) == (Decimal("0.00694"), 744 * 10**9, 516)


def test_the_lines_of_an_invoice_add_up_to_its_total(acme, january):
    for price in ("0.1", "0.0333", "0"):
        use_all_hours(make_subscription(acme, make_product(f"at {price}", price)), JANUARY, "0.7")
    run()
    (invoice,) = invoices()

    assert len(invoice.items) == 4
    assert sum(item.total_cents for item in invoice.items) == invoice.total_cents


def test_a_line_without_usage_is_left_out_of_the_invoice(acme, january):
    use_all_hours(make_subscription(acme, make_product("idle")), JANUARY, 0)
    run()

    assert [item.product_name for item in invoices()[0].items] == ["vm"]


def test_closing_a_closed_month_again_changes_nothing(january):
    run()
    (before,) = [(each.uid, each.number, each.closed_at) for each in invoices()]

    assert run(at(MARCH, 20)) == 0
    assert [(each.uid, each.number, each.closed_at) for each in invoices()] == [before]


def test_several_months_of_an_organization_are_closed_in_order(server):
    for distance in (1, -1, 0):
        use(server, {JANUARY.shifted(distance).start_hour + 7: 100})
    server.start_hour = JANUARY.shifted(-1).start_hour

    assert run() == 3
    assert [(each.period, each.number[-4:]) for each in invoices()] == [
        ("2025-12", "0001"),
        ("2026-01", "0002"),
        ("2026-02", "0003"),
    ]


def test_the_current_month_stays_open(server):
    use(server, {MARCH.start_hour: 100})

    assert run() == 0


def test_a_month_without_usage_has_no_invoice(server):
    use(server, {JANUARY.start_hour: 1, MARCH.start_hour: 1})
    run()

    assert periods() == ["2026-01"]


def test_a_month_of_zero_quantities_has_no_invoice(server):
    use(server, {JANUARY.start_hour: 0})

    assert run() == 0


def test_an_invoice_of_nothing_to_pay_needs_no_delivery(acme):
    use_all_hours(make_subscription(acme, make_product("free", "0")), JANUARY)
    run()

    assert [(each.total_cents, each.delivery) for each in invoices()] == [(0, Delivery.NOT_NEEDED)]


def test_an_invoice_of_less_than_half_a_cent_needs_no_delivery(server):
    use(server, {JANUARY.start_hour: "0.7"})
    run()

    assert [(each.total_cents, each.delivery) for each in invoices()] == [(0, Delivery.NOT_NEEDED)]


def test_invoice_numbers_have_no_gaps_and_are_each_organizations_own(acme, january, server):
    other = make_organization("Other Ltd")
    use_all_hours(make_subscription(other, make_product("vm", "1")), FEBRUARY)
    use_all_hours(server, FEBRUARY)
    run()

    assert [each.number for each in invoices(acme)] == [f"{acme.number}-0001", f"{acme.number}-0002"]
    assert [each.number for each in invoices(other)] == [f"{other.number}-0001"]


def test_an_invoice_number_is_not_lost_when_closing_fails(acme, january, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(final, "_item_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    db.session.rollback()
    assert invoices() == []

    run()
    assert [each.number for each in invoices()] == [f"{acme.number}-0001"]


def test_a_closing_that_is_killed_between_two_months_is_finished_by_the_next_run(
    server, january, monkeypatch
):
    use_all_hours(server, FEBRUARY)
    write = closing.write_invoices

    def killed_in_february(upcoming, *terms):
        if upcoming[0].month == FEBRUARY:
            raise KeyboardInterrupt
        write(upcoming, *terms)

    with monkeypatch.context() as patched:
        patched.setattr(closing, "write_invoices", killed_in_february)
        with pytest.raises(KeyboardInterrupt):
            run()
    db.session.rollback()
    assert periods() == ["2026-01"]

    assert run() == 1
    assert periods() == ["2026-01", "2026-02"]


def test_more_organizations_than_a_slice_holds_are_all_closed(app, monkeypatch):
    monkeypatch.setattr(closing, "_SLICE", 2)
    product = make_product("vm", "1")
    for _ in range(5):
        use(make_subscription(make_organization(), product), {JANUARY.start_hour: 1})

    assert run() == 5
    assert len({each.organization_id for each in invoices()}) == 5


def test_usage_without_a_price_stops_the_closing_of_its_organization_alone(acme, january):
    other = make_organization("Other Ltd")
    product = make_product("gpu", "1", currency="USD")
    use(make_subscription(other, product), {JANUARY.start_hour: 1})

    assert run() == 1
    assert [each.organization_id for each in invoices()] == [acme.id]


def test_a_month_without_a_price_is_closed_once_the_price_is_set(app):
    other = make_organization("Other Ltd")
    product = make_product("gpu", "1", currency="USD")
    use(make_subscription(other, product), {JANUARY.start_hour: 1})
    run()
    catalogue.set_price(product, "EUR", Decimal(2), start_day=0)

    assert run() == 1
    assert invoices(other)[0].total_cents == 200


def test_no_later_month_is_closed_before_an_earlier_one(app):
    """Else its numbers would not be in the order of time."""
    other = make_organization("Other Ltd")
    product = make_product("gpu", "1", currency="USD")
    subscription = make_subscription(other, product)
    use(subscription, {JANUARY.start_hour: 1, FEBRUARY.start_hour: 1})
    catalogue.set_price(product, "EUR", Decimal(1), start_day=FEBRUARY.start_day)

    assert run() == 0
    assert invoices() == []


def test_an_amount_beyond_what_json_readers_can_hold_stops_its_organization_alone(acme, january):
    """2**53 - 1 is the largest whole number that JavaScript keeps."""
    other = make_organization("Other Ltd")
    gold = make_subscription(other, make_product("gold", "9000000"))
    use(gold, dict.fromkeys(range(JANUARY.start_hour, JANUARY.start_hour + 12), 10**7))

    assert run() == 1
    assert [each.organization_id for each in invoices()] == [acme.id]


def test_an_amount_that_no_column_can_hold_stops_its_organization_alone(acme, january):
    other = make_organization("Other Ltd")
    for _ in range(2):
        use_all_hours(make_subscription(other, make_product("gold", "9000000")), JANUARY, 10**7)

    assert run() == 1
    assert [each.organization_id for each in invoices()] == [acme.id]


def test_after_closing_the_hours_of_the_month_are_frozen(acme, server, january):
    run()
    written = write_entries(acme.id, [Entry(JANUARY.start_hour, server.id, 5)], now=NOW)
    db.session.commit()

    assert written.corrections == 1
    assert db.session.get_one(UsageHour, (acme.id, JANUARY.start_hour, server.id)).quantity_nano == 10**9


def test_the_month_after_a_closed_month_stays_writable(acme, server, january):
    run()
    use(server, {hour_at(FEBRUARY, 28, 23): 9})

    assert (
        db.session.get_one(UsageHour, (acme.id, hour_at(FEBRUARY, 28, 23), server.id)).quantity_nano
        == 9 * 10**9
    )


def test_an_invoice_keeps_the_names_of_the_day_it_was_closed(january):
    run()
    db.session.scalars(db.select(Project)).one().name = "renamed"
    db.session.commit()

    assert db.session.scalars(db.select(InvoiceItem.project_name)).all() == ["production"]


def test_two_closers_at_once_make_one_invoice(backend, acme, january):
    """On SQLite they wait for its one writer; on PostgreSQL for the lock of the organization."""
    subscriptions = [make_subscription(make_organization(), make_product("vm", "1")) for _ in range(5)]
    for each in subscriptions:
        use(each, {JANUARY.start_hour: 1, FEBRUARY.start_hour: 1})
    db.session.commit()
    together, made, errors = threading.Barrier(4), [], []

    def closer():
        with backend.app.app_context():
            together.wait(timeout=10)
            try:
                made.append(close(now=NOW, grace_days=GRACE_DAYS).made)
            except Exception as error:  # noqa: BLE001 -- told by the thread that asserts
                errors.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=closer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert sum(made) == 11
    assert len(invoices()) == 11
    assert len({(each.organization_id, each.period) for each in invoices()}) == 11
    for each in subscriptions:
        numbers = [
            invoice.number[-4:] for invoice in invoices() if invoice.organization_id == each.organization_id
        ]
        assert numbers == ["0001", "0002"]


def test_usage_that_arrives_while_a_month_closes_is_in_the_invoice_or_a_correction(
    backend, acme, server, january
):
    together, frozen = threading.Barrier(2), []

    def writer():
        with backend.app.app_context():
            together.wait(timeout=10)
            written = write_entries(acme_id, [Entry(JANUARY.start_hour, server_id, 1000 * 10**9)], now=NOW)
            db.session.commit()
            frozen.append(written.corrections)
            db.session.remove()

    acme_id, server_id = acme.id, server.id
    db.session.commit()
    thread = threading.Thread(target=writer)
    thread.start()
    together.wait(timeout=10)
    close(now=NOW, grace_days=GRACE_DAYS)
    thread.join(timeout=30)
    db.session.expire_all()

    billed = invoices()[0].items[0].quantity_nano
    stored = db.session.scalars(
        db.select(UsageHour.quantity_nano).where(UsageHour.organization_id == acme_id)
    ).all()
    assert billed == sum(stored)
    assert (frozen == [1]) == (billed == 744 * 10**9)
