"""`verify` finds every planted difference, of a single unit, wherever it is; else it finds nothing."""

import random

import pytest
from sqlalchemy import text

from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    hour_at,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
)
from tests.months import close, differences
from tests.past_triggers import past_the_triggers

PLANTS = 20
PLACES = {
    "usage_hour": ["quantity"],
    "usage_day": ["quantity"],
    "invoice_item": ["quantity_nano", "total_cents"],
    "invoice": ["total_cents"],
    "usage_correction": ["delta"],
}
KEYS = {
    "usage_hour": "organization_id, hour, subscription_id",
    "usage_day": "organization_id, day, subscription_id",
}


def is_sqlite():
    return db.engine.dialect.name == "sqlite"


@pytest.fixture
def books(app):
    """Two customers with three months, two of them invoiced, and corrections of which some wait."""
    for name in ("Acme GmbH", "Other AG"):
        organization = make_organization(name)
        project = make_project(organization)
        vm = make_subscription(organization, make_product("vm", "0.00694"), project)
        disk = make_subscription(organization, make_product("disk", "1.5"))
        for month in (JANUARY, FEBRUARY, MARCH):
            use(vm, {hour_at(month, day): day for day in range(1, 8)})
            use(disk, {hour_at(month, 5, 3): 4})
            if month == FEBRUARY:
                use(vm, {hour_at(JANUARY, 2): 9, hour_at(JANUARY, 3): 0})
            if month < MARCH:
                close(now=month.ends_at, grace_days=0)
        use(disk, {hour_at(JANUARY, 5, 3): 3, hour_at(FEBRUARY, 5, 3): 0})
    db.session.commit()


def found():
    db.session.expire_all()
    sentences = differences()
    db.session.rollback()
    return sentences


def rows_of(table):
    keys = KEYS.get(table, "organization_id, id")
    billed = " WHERE invoice_id IS NOT NULL AND delta <> 0" if table == "usage_correction" else ""
    rows = db.session.execute(text(f"SELECT {keys} FROM {table}{billed} ORDER BY {keys}")).all()
    db.session.rollback()
    return [dict(zip(keys.split(", "), row, strict=True)) for row in rows]


def where(row):
    return " AND ".join(f"{name} = {value}" for name, value in row.items())


def added(column, unit):
    """SQLite keeps wide numbers as text, so that they are added as numbers and kept as text again."""
    if column == "quantity_nano" and is_sqlite():
        return f"CAST(CAST({column} AS INTEGER) + {unit} AS TEXT)"
    return f"{column} + {unit}"


def test_verify_finds_nothing_without_invoices(app):
    assert found() == []


def test_verify_finds_nothing_in_clean_books(books):
    assert found() == []


@pytest.mark.parametrize(
    ("table", "column"), [(table, each) for table, some in PLACES.items() for each in some]
)
def test_verify_finds_a_planted_unit_every_time(books, table, column):
    chance = random.Random(f"{table}.{column}")
    rows = rows_of(table)
    assert len(rows) >= 2
    times = 0
    for _ in range(PLANTS):
        row, unit = chance.choice(rows), chance.choice([1, -1])
        if table == "usage_hour" and not _is_within(row, unit):
            unit = 1
        past_the_triggers(f"UPDATE {table} SET {column} = {added(column, unit)} WHERE {where(row)}")
        times += bool(found())
        past_the_triggers(f"UPDATE {table} SET {column} = {added(column, -unit)} WHERE {where(row)}")
    assert times == PLANTS
    assert found() == []


def _is_within(row, unit):
    quantity = db.session.execute(text(f"SELECT quantity FROM usage_hour WHERE {where(row)}")).scalar_one()
    db.session.rollback()
    return quantity + unit >= 0


@pytest.mark.parametrize("unit", [1, -1])
def test_verify_finds_by_the_invoice_hours_and_days_that_were_changed_together(books, unit):
    row = rows_of("usage_hour")[0]
    past_the_triggers(f"UPDATE usage_hour SET quantity = quantity + {unit} WHERE {where(row)}")
    day = row | {"day": row["hour"] // 24}
    del day["hour"]
    past_the_triggers(f"UPDATE usage_day SET quantity = quantity + {unit} WHERE {where(day)}")
    sentences = found()
    assert len(sentences) == 1
    assert "month 2026-01" in sentences[0]


@pytest.mark.parametrize("table", PLACES)
def test_verify_finds_a_missing_row(books, table):
    past_the_triggers(f"DELETE FROM {table} WHERE {where(rows_of(table)[0])}")
    assert found()


def test_verify_finds_the_gap_of_a_missing_invoice(books):
    last = rows_of("invoice")[-1]
    assert last["id"] == 2
    first = last | {"id": 1}
    past_the_triggers(
        f"DELETE FROM invoice_item WHERE organization_id = {last['organization_id']} AND invoice_id = 1"
    )
    past_the_triggers(f"DELETE FROM invoice WHERE {where(first)}")
    assert any("gap" in sentence for sentence in found())


@pytest.mark.parametrize(
    "change", ["project_id = NULL", "unit_price = unit_price + 1", "kind = 'correction'"]
)
def test_verify_finds_a_changed_line(books, change):
    row = rows_of("invoice_item")[0]
    past_the_triggers(f"UPDATE invoice_item SET {change} WHERE {where(row)}")
    assert found()


def test_verify_finds_a_correction_that_was_stamped_with_another_invoice(books):
    past_the_triggers("UPDATE usage_correction SET invoice_id = 1 WHERE invoice_id = 2")
    assert found()


def test_verify_finds_a_correction_that_lost_its_stamp(books):
    past_the_triggers("UPDATE usage_correction SET invoice_id = NULL WHERE invoice_id = 2")
    assert found()


def test_verify_finds_usage_below_zero(books):
    """A correction that takes back more than there was: no line has less than no usage."""
    past_the_triggers("UPDATE usage_correction SET delta = delta - 1000000000000 WHERE invoice_id = 2")
    sentences = found()
    assert sentences
    assert all("metered -" in sentence for sentence in sentences)


def test_verify_says_the_organization_and_the_invoice_of_a_difference(books):
    row = rows_of("invoice")[0]
    past_the_triggers(f"UPDATE invoice SET total_cents = total_cents + 1 WHERE {where(row)}")
    (sentence,) = found()
    assert sentence.startswith(f"organization {row['organization_id']}, invoice ")
