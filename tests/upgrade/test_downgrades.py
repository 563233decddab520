"""A step back keeps all that a document rests on, or refuses; and the way up again restores the schema."""

import flask_migrate
import pytest
from sqlalchemy import text

from portal.storage import db
from tests.past_triggers import past_the_triggers
from tests.upgrade.filled import fill, rows
from tests.upgrade.releases import migrations, releases, revisions
from tests.upgrade.schema import schema_of

# Tables and columns that no document, no audit entry and no access rests on.
NOT_EVIDENCE = {
    "call_budget",  # of the last minute
    "clock_state",
    "counter",
    "mirror_state",  # the sync begins anew
    "operator_notice",  # it is told again
    "outgoing_mail",
    "parked_month",  # it is looked at again
    "password_reset",
    "payment_method",  # Stripe is asked for it again
    "payment_method_lease",
    "scheduler_step",  # the next run writes it
    "stored_answer",
    "stripe_call",
    "stripe_event",
    "throttle",
    "usage_day",
    "user_session",
}
NOT_EVIDENCE_COLUMNS = {
    ("organization", "profile_version"),  # the invoicing provider is told the profile again
    ("organization", "invoicing_profile_version"),
    ("organization", "easybill_profile_version"),
}
# Columns that `fill` leaves empty: no downgrade takes one away alone, or it refuses for another column.
EMPTY = {
    *(("api_token", name) for name in "expires_at last_used_at parent_id revoked_at".split()),
    *(("audit_entry", name) for name in "account_uid before request_id".split()),
    *(("collector", name) for name in "last_used_at revoked_at".split()),
    *(("invoice", name) for name in "document_on last_error leased_until next_attempt_at".split()),
    ("invoice", "provider_document_id"),
}
# What has to be gone before a step can be taken back; `DELETE` alone where its tables are emptied.
FORGET = {
    "0001": ["DELETE FROM legal_document_file", "DELETE FROM legal_document", "DELETE FROM invoice_item"],
    "0002": [
        "DELETE FROM collector",
        "DELETE FROM usage_correction",
        "DELETE FROM invoice_item WHERE corrects_period IS NOT NULL",
        "UPDATE invoice SET due_cents = NULL, credit_cents = NULL",
    ],
    "0003": ["DELETE FROM audit_entry", "DELETE FROM api_token"],
    "0005": [
        "UPDATE legal_document SET due_cents = NULL, paid_cents = 0",
        "UPDATE legal_document SET refers_to_easybill_id = NULL, cancelled_by_easybill_id = NULL",
    ],
    "0006": [
        "DELETE FROM legal_document_format",
        "UPDATE organization SET buyer_reference = NULL, order_number = NULL",
    ],
    "0007": ["UPDATE invoice SET vat_country = NULL, vat_id = NULL, vat_case = NULL"],
    "0013": ["DELETE FROM clock_acceptance"],
}
FORGET["0001"] += ["DELETE FROM invoice", "DELETE FROM usage_hour"]


def evidence():
    """Return the rows that something rests on: {table: {column: its values}}."""
    with db.engine.connect() as connection:
        found = rows(connection)
    return {
        table: [
            {
                name: value
                for name, value in zip(columns, row, strict=True)
                if (table, name) not in NOT_EVIDENCE_COLUMNS
            }
            for row in all_rows
        ]
        for table, (columns, all_rows) in found.items()
        if table not in NOT_EVIDENCE
    }


def schema():
    with db.engine.connect() as connection:
        return schema_of(connection)


def differing(before, after):
    """Return the tables that something rests on and that are not what they were."""
    return [name for name in before if name not in NOT_EVIDENCE and before[name] != after[name]]


def version():
    with db.engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_refused(below: str) -> bool:
    try:
        flask_migrate.downgrade(revision=below)
    except SystemExit:  # Flask-Migrate logs the sentence and exits with 1
        return True
    return False


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
def test_the_filled_database_has_a_value_in_each_column_that_a_document_rests_on(fresh):
    """In the schema of the previous release; a new table is filled by whom it is for, at the latest then."""
    flask_migrate.upgrade(revision=releases()[-1].head)
    released = schema()
    flask_migrate.upgrade()
    fill()
    filled = evidence()
    empty = {
        (table, column)
        for table in released.keys() - NOT_EVIDENCE
        for column in released[table].columns
        if (table, column) not in NOT_EVIDENCE_COLUMNS
        and not any(row[column] is not None for row in filled[table])
    }
    assert empty == EMPTY


def test_a_step_back_keeps_everything_or_refuses_and_the_way_up_restores_the_schema(fresh):
    flask_migrate.upgrade()
    fill()
    order = ["base", *revisions(migrations())]
    refused = set()
    for revision, below in zip(order[:0:-1], order[-2::-1], strict=True):
        kept, before = evidence(), schema()
        if is_refused(below):
            refused.add(revision)
            assert (version(), evidence(), schema()) == (revision, kept, before)
            past_the_triggers(*FORGET[revision])
            kept = evidence()
            flask_migrate.downgrade(revision=below)
        if below != "base":
            flask_migrate.upgrade(revision=revision)
            assert evidence() == kept
            assert differing(before, schema()) == []
            flask_migrate.downgrade(revision=below)
    assert refused == set(FORGET)
