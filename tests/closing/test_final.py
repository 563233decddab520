"""What is final never changes: the database itself refuses it, whoever asks and however."""

import datetime as dt

import flask_migrate
import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.models import Delivery, Invoice, InvoiceItem, UsageCorrection
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    hour_at,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
)
from tests.months import close

REFUSED = "what is final never changes"
TABLES = {"invoice": Invoice, "invoice_item": InvoiceItem, "usage_correction": UsageCorrection}
OUTBOX = {
    "delivery",
    "document_on",
    "provider_document_id",
    "attempts",
    "next_attempt_at",
    "leased_until",
    "last_error",
}
each_table = pytest.mark.parametrize("table", TABLES)


def fill():
    """January is invoiced; what came late for it is billed with February, and something waits still."""
    organization = make_organization()
    subscription = make_subscription(organization, make_product(price="1"), make_project(organization))
    use(subscription, {hour_at(JANUARY, 1): 5})
    close(now=JANUARY.ends_at, grace_days=0)
    use(subscription, {hour_at(JANUARY, 1): 7, hour_at(FEBRUARY, 1): 6})
    close(now=FEBRUARY.ends_at, grace_days=0)
    use(subscription, {hour_at(JANUARY, 2): 1})


@pytest.fixture
def billed(app):
    fill()


def content():
    """All rows of the three tables, as the database has them."""
    return {name: db.session.execute(text(f"SELECT * FROM {name} ORDER BY id")).all() for name in TABLES}


def is_sqlite():
    return db.engine.dialect.name == "sqlite"


def refuses(statement, **values):
    """Run a statement past the ORM, and see that it is refused and that nothing has changed."""
    before = content()
    db.session.rollback()
    with pytest.raises(DBAPIError, match=REFUSED), db.engine.begin() as connection:
        connection.execute(text(statement) if isinstance(statement, str) else statement, values)
    assert content() == before


def takes(statement, **values):
    db.session.rollback()
    with db.engine.begin() as connection:
        return connection.execute(text(statement), values).rowcount


def columns(table):
    return [column.name for column in db.metadata.tables[table].columns]


FINAL = [
    (table, column)
    for table in TABLES
    for column in columns(table)
    if not (table == "invoice" and column in OUTBOX) and column != "invoice_id"
]


# -- UPDATE -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("table", "column"), FINAL)
def test_no_column_that_is_final_can_be_updated(billed, table, column):
    refuses(f"UPDATE {table} SET {column} = {column}")


def test_the_invoice_of_a_line_cannot_be_updated(billed):
    refuses("UPDATE invoice_item SET invoice_id = invoice_id")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("invoice", "total_cents = total_cents + 1"),
        ("invoice", "delivery = 'pending', total_cents = 0"),
        ("invoice_item", "total_cents = 0"),
        ("usage_correction", "delta = -delta"),
    ],
)
def test_an_amount_cannot_be_updated_not_even_with_the_outbox(billed, table, change):
    refuses(f"UPDATE {table} SET {change}")


# -- DELETE, REPLACE, UPSERT, TRUNCATE ----------------------------------------------------------------
@each_table
def test_no_row_of_a_final_table_can_be_deleted(billed, table):
    refuses(f"DELETE FROM {table}")


@each_table
def test_not_even_a_single_final_row_can_be_deleted(billed, table):
    refuses(f"DELETE FROM {table} WHERE id = 1")


@each_table
def test_no_row_of_a_final_table_can_be_replaced(billed, table):
    """REPLACE is SQLite's; what PostgreSQL has instead is an upsert."""
    if is_sqlite():
        refuses(f"REPLACE INTO {table} SELECT * FROM {table}")
        refuses(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE id = 1")


@each_table
def test_no_row_of_a_final_table_can_be_upserted(billed, table):
    change = "uid = excluded.uid"
    rows = f"SELECT * FROM {table} WHERE true"
    refuses(f"INSERT INTO {table} {rows} ON CONFLICT (organization_id, id) DO UPDATE SET {change}")


@each_table
def test_a_merge_changes_no_row_of_a_final_table(billed, table):
    if not is_sqlite():
        refuses(
            f"MERGE INTO {table} ours USING {table} theirs"
            " ON ours.organization_id = theirs.organization_id AND ours.id = theirs.id"
            " WHEN MATCHED THEN DELETE"
        )


@each_table
def test_no_final_table_can_be_emptied(billed, table):
    """SQLite has no TRUNCATE: it calls a DELETE without a condition so, and triggers forbid that one."""
    refuses(f"DELETE FROM {table}" if is_sqlite() else f"TRUNCATE {table} CASCADE")


def test_an_organization_cannot_be_deleted_together_with_its_invoices(billed):
    before = content()
    db.session.rollback()
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), db.engine.begin() as connection:
        connection.execute(text("DELETE FROM organization"))
    assert content() == before


# -- the ORM ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", TABLES.values(), ids=TABLES)
def test_a_bulk_delete_of_final_rows_is_refused(billed, model):
    refuses(delete(model))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Invoice, {"total_cents": 0}),
        (Invoice, {"period": "2020-01"}),
        (InvoiceItem, {"quantity_nano": 0}),
        (UsageCorrection, {"delta_nano": 0}),
    ],
)
def test_a_bulk_update_of_final_rows_is_refused(billed, model, values):
    refuses(update(model).values(**values))


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [(Invoice, "total_cents", 1), (InvoiceItem, "product_name", "x"), (UsageCorrection, "delta_nano", 1)],
)
def test_a_changed_object_of_a_final_row_is_refused(billed, model, name, value):
    before = content()
    row = db.session.scalars(select(model).limit(1)).one()
    setattr(row, name, value)
    with pytest.raises(DBAPIError, match=REFUSED):
        db.session.commit()
    db.session.rollback()
    assert content() == before


@pytest.mark.parametrize("model", TABLES.values(), ids=TABLES)
def test_a_deleted_object_of_a_final_row_is_refused(billed, model):
    before = content()
    db.session.delete(db.session.scalars(select(model).limit(1)).one())
    with pytest.raises(DBAPIError, match=REFUSED):
        db.session.commit()
    db.session.rollback()
    assert content() == before


# -- what may change ----------------------------------------------------------------------------------
def test_every_column_of_an_invoice_is_final_or_of_the_outbox():
    final = {column for table, column in FINAL if table == "invoice"}
    assert final | OUTBOX == set(columns("invoice"))


@pytest.mark.parametrize("column", sorted(OUTBOX))
def test_the_delivery_state_of_a_final_invoice_may_change(billed, column):
    assert takes(f"UPDATE invoice SET {column} = {column}") == 2


def test_the_outbox_of_a_final_invoice_is_changed_through_the_orm(billed):
    invoice = db.session.scalars(select(Invoice).limit(1)).one()
    invoice.delivery, invoice.attempts = Delivery.DELIVERED, 3
    invoice.document_on, invoice.last_error = dt.date(2026, 2, 4), "slow"
    db.session.commit()
    db.session.expire_all()
    assert (invoice.delivery, invoice.attempts, invoice.last_error) == ("delivered", 3, "slow")


def test_a_correction_is_billed_once(billed):
    waiting = "WHERE invoice_id IS NULL"
    assert takes(f"UPDATE usage_correction SET invoice_id = 2 {waiting}") == 1
    refuses("UPDATE usage_correction SET invoice_id = 1")
    refuses("UPDATE usage_correction SET invoice_id = NULL")
    refuses("UPDATE usage_correction SET invoice_id = invoice_id WHERE invoice_id = 2")


def test_a_correction_cannot_be_billed_by_an_invoice_that_does_not_exist(billed):
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"):
        takes("UPDATE usage_correction SET invoice_id = 99 WHERE invoice_id IS NULL")


def test_a_waiting_correction_is_billed_by_the_next_closing_and_never_again(billed):
    late = select(UsageCorrection).where(UsageCorrection.invoice_id.is_(None))
    assert len(db.session.scalars(late).all()) == 1
    month = FEBRUARY.shifted(1)
    close(now=month.ends_at, grace_days=0)
    close(now=month.shifted(1).ends_at, grace_days=0)
    db.session.expire_all()
    assert db.session.scalars(late).all() == []
    corrections = select(InvoiceItem.quantity_nano).where(InvoiceItem.kind == "correction")
    assert db.session.scalars(corrections.order_by(InvoiceItem.id)).all() == [2 * 10**9, 10**9]


# -- migrations ---------------------------------------------------------------------------------------
def triggers():
    if is_sqlite():
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with db.engine.connect() as connection:
        return set(connection.execute(text(query)).scalars())


def test_the_triggers_of_final_tables_survive_migrating_down_and_up_again(fresh):
    flask_migrate.upgrade()
    before = triggers()
    assert len(before) == (15 if is_sqlite() else 20)
    flask_migrate.downgrade(revision="0001")
    assert triggers() == set()
    flask_migrate.upgrade()
    assert triggers() == before
    fill()
    for table in TABLES:
        refuses(f"DELETE FROM {table}")
        refuses(f"UPDATE {table} SET uid = uid")
