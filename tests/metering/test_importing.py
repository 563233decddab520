"""Importing an export: what is missing is made, the same twice changes nothing, and memory has a bound."""

import csv
import datetime as dt
import tracemalloc
from decimal import Decimal

import pytest

from portal.ledger import catalogue
from portal.metering.focus import NotFocusError
from portal.metering.importing import import_focus
from portal.models import Price, Product, Project, Subscription, UsageCorrection, UsageDay, UsageHour
from portal.storage import db
from tests.factories import JANUARY, NOW, hour_at, make_organization, make_project
from tests.metering.exports import USUAL, at, hour, row, write
from tests.months import close


@pytest.fixture
def bring_in(acme, tmp_path):
    """Import rows as the parts of one export; `places` are what was reported."""

    def import_rows(*rows, parts=None, organization=acme):
        paths = [
            write(tmp_path / f"part{number}.csv", *some) for number, some in enumerate(parts or [rows], 1)
        ]
        db.session.commit()
        import_rows.places = []
        done = import_focus(
            organization, paths, lambda *reported: import_rows.places.append(reported), now=NOW
        )
        db.session.expire_all()
        return done

    return import_rows


def all_of(model):
    return db.session.scalars(db.select(model)).all()


def hours():
    query = db.select(UsageHour.hour, UsageHour.quantity_nano, UsageHour.revision).order_by(UsageHour.hour)
    return [tuple(each) for each in db.session.execute(query)]


def counts(done):
    return done.written.new, done.written.same, done.written.replaced, done.written.corrections


def test_an_import_makes_missing_projects_products_prices_and_subscriptions(bring_in):
    done = bring_in(row())
    (project,), (product,), (price,) = all_of(Project), all_of(Product), all_of(Price)
    (subscription,) = all_of(Subscription)

    assert (done.rows, done.metered, done.rounded, dict(done.refused)) == (1, 1, 0, {})
    assert (project.code, project.name) == ("4711", "production")
    assert (product.name, product.unit, product.metering) == ("$0.5 per GB", "GB", "usage")
    assert (price.currency, price.start_day, price.unit_price) == ("EUR", 0, Decimal("0.5"))
    assert (subscription.project_id, subscription.product_id) == (project.id, product.id)
    assert hours() == [(hour_at(JANUARY, 13, 7), 3 * 10**9, 0)]


def test_an_imported_subscription_begins_at_the_midnight_of_its_first_hour(bring_in):
    bring_in(hour(9, day=14), hour(7, day=13))

    assert all_of(Subscription)[0].start_hour == hour_at(JANUARY, 13)


def test_an_earlier_export_makes_a_subscription_begin_earlier(bring_in):
    bring_in(hour(9, day=14))
    bring_in(hour(9, day=2))

    assert [each.start_hour for each in all_of(Subscription)] == [hour_at(JANUARY, 2)]


def test_an_import_uses_existing_projects_products_and_subscriptions(acme, bring_in):
    project = make_project(acme, "4711")
    bring_in(hour(7))
    bring_in(hour(8))

    assert [each.id for each in all_of(Project)] == [project.id]
    assert (len(all_of(Product)), len(all_of(Subscription)), len(hours())) == (1, 1, 2)


def test_a_project_keeps_its_name_when_an_export_has_another(acme, bring_in):
    make_project(acme, "4711").name = "ours"
    bring_in(row())

    assert all_of(Project)[0].name == "ours"


def test_importing_the_same_export_twice_changes_nothing(bring_in):
    rows = [hour(number) for number in range(10)]
    bring_in(*rows)
    before = hours()
    done = bring_in(*rows)

    assert counts(done) == (0, 10, 0, 0)
    assert hours() == before
    assert len(all_of(Subscription)) == 1


def test_a_changed_value_of_an_export_replaces_the_entry_with_a_higher_revision(bring_in):
    bring_in(hour(7), hour(8))
    done = bring_in(hour(7), hour(8, PricingQuantity="4"))

    assert counts(done) == (0, 1, 1, 0)
    assert [each[1:] for each in hours()] == [(3 * 10**9, 0), (4 * 10**9, 1)]
    assert [each.quantity_nano for each in all_of(UsageDay)] == [7 * 10**9]


def test_rows_of_one_sub_account_product_and_hour_are_summed(bring_in):
    done = bring_in(row(), row(PricingQuantity="0.5"), row(PricingQuantity="0.25"))

    assert (done.rows, done.metered, counts(done)) == (3, 3, (1, 0, 0, 0))
    assert [each[1] for each in hours()] == [3_750_000_000]


def test_the_files_of_one_export_are_summed(bring_in):
    bring_in(parts=[[row()], [row(), hour(9)], [row()]])

    assert [each[1] for each in hours()] == [9 * 10**9, 3 * 10**9]


def test_each_row_of_an_export_is_rounded_before_it_is_summed(bring_in):
    done = bring_in(*[row(PricingQuantity="0.0000000005")] * 4)

    assert done.rounded == 4
    assert [each[1] for each in hours()] == [4]


def test_rows_of_an_export_may_come_in_any_order(bring_in):
    bring_in(hour(9), hour(7), hour(8), hour(7, PricingQuantity="1"))

    assert [each[1] for each in hours()] == [4 * 10**9, 3 * 10**9, 3 * 10**9]


def test_a_refused_row_of_an_export_is_reported_with_its_file_and_line(bring_in):
    done = bring_in(parts=[[row(), row(ChargeCategory="Tax")], [row(ChargeCategory="Tax"), row()]])

    assert bring_in.places == [("part1.csv:3", "tax"), ("part2.csv:2", "tax")]
    assert (done.rows, done.metered, dict(done.refused)) == (4, 2, {"tax": 2})


def test_an_hour_beyond_ten_million_units_is_refused_at_its_first_row(bring_in):
    half = {"PricingQuantity": "5000000.5"}
    done = bring_in(hour(6), hour(7, **half), hour(7, **half), hour(8))

    assert dict(done.refused) == {"more than 10,000,000 units in an hour": 1}
    assert bring_in.places == [("part1.csv:3", "more than 10,000,000 units in an hour")]
    assert [each[0] for each in hours()] == [hour_at(JANUARY, 13, 6), hour_at(JANUARY, 13, 8)]


def test_an_hour_of_exactly_ten_million_units_is_imported(bring_in):
    bring_in(*[row(PricingQuantity="5000000")] * 2)

    assert [each[1] for each in hours()] == [10**16]


def test_a_thousand_maximal_rows_of_an_hour_do_not_overflow(bring_in):
    done = bring_in(*[row(PricingQuantity="10000000")] * 1000)

    assert sum(done.refused.values()) == 1
    assert hours() == []


def test_a_sku_price_with_two_list_prices_is_two_products(acme, bring_in):
    bring_in(row(), row(ListUnitPrice="0.6"))

    codes = {f"sku-1@0.5EUR#{acme.number}", f"sku-1@0.6EUR#{acme.number}"}
    assert {each.code for each in all_of(Product)} == codes
    assert {each.unit_price for each in all_of(Price)} == {Decimal("0.5"), Decimal("0.6")}


@pytest.mark.parametrize("same", ["0.50", "5E-1", "0.500000000000000"])
def test_a_price_written_in_two_ways_is_one_product(acme, bring_in, same):
    bring_in(row(), hour(9, ListUnitPrice=same))

    assert [each.code for each in all_of(Product)] == [f"sku-1@0.5EUR#{acme.number}"]


def test_rows_without_a_sub_account_are_the_organizations_own(bring_in):
    bring_in(row(SubAccountId="NULL", SubAccountName="NULL"), row())
    bring_in(row(SubAccountId="NULL", SubAccountName="NULL"), row())

    assert {each.project_id for each in all_of(Subscription)} == {None, all_of(Project)[0].id}
    assert len(all_of(Subscription)) == 2


def test_an_import_that_differs_from_an_invoiced_month_is_a_correction(bring_in):
    bring_in(row())
    close(now=NOW, grace_days=3)
    february = at("2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z")
    done = bring_in(row(PricingQuantity="4"), hour(9), february)

    assert counts(done) == (1, 0, 0, 2)
    assert (dict(done.refused), bring_in.places) == ({}, [])
    assert [each[1] for each in hours()] == [3 * 10**9, 3 * 10**9]
    assert sorted(each.delta_nano for each in all_of(UsageCorrection)) == [10**9, 3 * 10**9]


def test_the_same_export_after_the_invoice_changes_nothing(bring_in):
    bring_in(row())
    close(now=NOW, grace_days=3)
    done = bring_in(row())

    assert (counts(done), dict(done.refused)) == ((0, 1, 0, 0), {})


def test_a_file_that_is_no_export_leaves_the_ledger_as_it_was(acme, tmp_path):
    good, bad = write(tmp_path / "good.csv", row()), tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    with pytest.raises(NotFocusError):
        import_focus(acme, [good, bad], lambda *_: None, now=NOW)
    db.session.rollback()

    assert (hours(), all_of(Project), all_of(Product)) == ([], [], [])


def test_an_export_of_refused_rows_alone_makes_nothing(bring_in):
    bring_in(row(ChargeCategory="Tax"))

    assert (hours(), all_of(Project), all_of(Product), all_of(Subscription)) == ([], [], [], [])


def test_an_export_without_rows_is_imported(bring_in):
    assert bring_in().rows == 0


def test_imports_of_two_organizations_share_nothing(acme, bring_in):
    other = make_organization("Other Ltd")
    bring_in(row(ChargeDescription="Backup of Acme", PricingUnit="GB"))
    bring_in(row(ChargeDescription="Backup of Other", PricingUnit="GiB"), organization=other)
    bring_in(hour(9, ChargeDescription="Another text"), organization=other)

    products = {(each.owner_id, each.name, each.unit) for each in all_of(Product)}
    assert products == {(acme.id, "Backup of Acme", "GB"), (other.id, "Backup of Other", "GiB")}
    assert len(all_of(Product)) == 2
    assert {each.organization_id for each in all_of(Project)} == {acme.id, other.id}
    assert {each.organization_id for each in all_of(Subscription)} == {acme.id, other.id}


def test_an_export_in_another_currency_is_refused_row_by_row(bring_in):
    assert dict(bring_in(row(BillingCurrency="USD")).refused) == {"another currency": 1}


def test_an_import_uses_a_subscription_that_was_made_by_hand(acme, bring_in):
    project = make_project(acme, "4711")
    product = catalogue.product_by_code("sku-1@0.5EUR", name="by hand", unit="GB")
    catalogue.set_price(product, "EUR", Decimal("0.5"), start_day=0)
    mine = catalogue.subscribe(acme, product, project, start_hour=hour_at(JANUARY, 1))
    bring_in(row())

    assert [each.uid for each in all_of(Subscription)] == [mine.uid]
    assert [(each.name, each.owner_id) for each in all_of(Product)] == [("by hand", None)]


def test_an_import_keeps_to_the_product_that_earlier_imports_have_made(acme, bring_in):
    """Its hours were metered there: another product would bill them again."""
    product = catalogue.product_by_code("sku-1@0.5EUR", name="sku-1", unit="GB")
    product.owner_id = acme.id
    bring_in(row())
    bring_in(row(), organization=make_organization("Other Ltd"))

    assert [each.product_id for each in all_of(Subscription)] == [product.id, all_of(Product)[1].id]
    assert all_of(Product)[1].owner_id != acme.id


def test_a_large_export_needs_no_more_memory_than_its_batches(backend, acme, tmp_path, monkeypatch):
    """200,000 rows peak at 24.5 MB with the real batches; traced, that takes most of a minute."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the bound is the importer's own, whatever the database")
    monkeypatch.setattr("portal.metering.staging._BATCH", 500)
    monkeypatch.setattr("portal.ledger.entries._BATCH", 500)
    path = tmp_path / "large.csv"
    starts = [
        (JANUARY.starts_at + dt.timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number in range(745)
    ]
    rows = 30_000
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(USUAL))
        writer.writeheader()
        for number in range(rows):
            part, place = divmod(number, 744)
            times = {"ChargePeriodStart": starts[place], "ChargePeriodEnd": starts[place + 1]}
            writer.writerow(USUAL | times | {"SubAccountId": str(part % 20), "SkuPriceId": f"sku-{part % 7}"})
    tracemalloc.start()
    try:
        done = import_focus(acme, [path], lambda *_: None, now=NOW)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (done.rows, done.metered) == (rows, rows)
    assert peak_bytes < 6_000_000, peak_bytes
