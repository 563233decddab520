"""Every step up has its step down; models and schema agree; rows survive, on both databases."""

import flask_migrate
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, MetaData, Table, inspect, select, text

from portal.domain.access import Preset
from portal.models import OutgoingMail, PasswordReset
from portal.signing_in.actions import PASSWORD_RESET
from portal.storage import db
from tests.factories import (
    JANUARY,
    NOW,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
)
from tests.upgrade.releases import migrations

# Columns that a later step renames: {name at the first step: name at the head}.
RENAMED = {
    "easybill_customer_id": "invoicing_customer_id",
    "easybill_document_id": "provider_document_id",
    "easybill_id": "provider_document_id",
    "settled_at": "done_at",
}
DROPPED = {("password_reset", "attempts"), ("password_reset", "next_attempt_at")}


def tables() -> set[str]:
    with db.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def rows() -> dict[str, dict[tuple[str, ...], list]]:
    """Return all rows as the database has them: {table: (its columns, its rows)}."""
    found = {}
    with db.engine.connect() as connection:
        for name in sorted(inspect(connection).get_table_names()):
            if name != "alembic_version":
                table = Table(name, MetaData(), autoload_with=connection)
                columns = [column for column in table.columns if (name, column.name) not in DROPPED]
                names = tuple(column.name for column in columns)
                found[name] = (names, sorted(map(tuple, connection.execute(select(*columns))), key=repr))
    return found


def restricted(kept, to):
    """Return rows cut down to the tables and columns that another schema has."""
    found = {}
    for name, (columns, _) in to.items():
        ours, all_rows = kept[name]
        places = [ours.index(column if column in ours else RENAMED[column]) for column in columns]
        found[name] = (columns, sorted((tuple(row[place] for place in places) for row in all_rows), key=repr))
    return found


def fill() -> None:
    organization = make_organization("Acme GmbH")
    make_token(organization, make_member(organization, Preset.ADMIN))
    subscription = make_subscription(organization, make_product(), make_project(organization))
    use(subscription, {JANUARY.start_hour: "0.000000001", JANUARY.start_hour + 1: 10**7})
    db.session.remove()


def test_migrations_have_a_single_head():
    assert len(migrations().get_heads()) == 1


def test_migrations_have_a_single_first_step():
    assert len(migrations().get_bases()) == 1


def test_migrations_run_all_the_way_up_down_and_up_again(fresh):
    flask_migrate.upgrade()
    first = tables()
    flask_migrate.downgrade(revision="base")
    assert tables() == {"alembic_version"}
    flask_migrate.upgrade()
    assert tables() == first


def test_each_single_migration_can_be_taken_back(fresh):
    steps = [each.revision for each in reversed(list(migrations().walk_revisions()))]
    for number, revision in enumerate(steps):
        flask_migrate.upgrade(revision=revision)
        before = tables()
        flask_migrate.downgrade(revision=steps[number - 1] if number else "base")
        flask_migrate.upgrade(revision=revision)
        assert tables() == before


def test_rows_survive_a_migration_that_has_nothing_to_do(fresh):
    flask_migrate.upgrade()
    fill()
    before = rows()
    flask_migrate.upgrade()
    assert rows() == before


def test_rows_survive_migrating_down_to_the_first_step_and_up_again(fresh):
    flask_migrate.upgrade()
    fill()
    head = rows()
    flask_migrate.downgrade(revision=migrations().get_bases()[0])
    below = rows()
    assert below == restricted(head, below)
    flask_migrate.upgrade()
    assert restricted(rows(), below) == below


def test_requests_for_a_password_wait_for_their_mail_on_both_sides_of_the_outbox(fresh):
    flask_migrate.upgrade(revision="0009")
    fill()
    flask_migrate.downgrade(revision="0008")
    for sent_at in (None, str(NOW)):
        request_password(sent_at)
    flask_migrate.upgrade(revision="0009")
    (mail,) = db.session.scalars(select(OutgoingMail)).all()
    assert (mail.kind, mail.attempts, mail.next_attempt_at) == (PASSWORD_RESET, 2, NOW)
    waiting = db.session.get_one(PasswordReset, mail.facts["password_reset_id"])
    assert waiting.sent_at is None

    waiting.sent_at = NOW  # its mail was composed, and failed
    db.session.commit()
    db.session.remove()
    flask_migrate.downgrade(revision="0008")
    due = text("SELECT id FROM password_reset WHERE sent_at IS NULL AND next_attempt_at <= :now")
    assert db.session.scalars(due, {"now": str(NOW)}).all() == [waiting.id]


def request_password(sent_at: str | None) -> None:
    """Write a request for a password as the schema before the outbox has it, tried twice."""
    columns = "(account_id, requested_at, sent_at, attempts, next_attempt_at)"
    row = text(f"INSERT INTO password_reset {columns} SELECT id, :now, :sent_at, 2, :now FROM account")
    db.session.execute(row, {"now": str(NOW), "sent_at": sent_at})
    db.session.commit()


def test_migrating_all_the_way_down_with_rows_ends_empty_and_leads_up_again(fresh):
    flask_migrate.upgrade()
    fill()
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()
    assert not any(all_rows for _, all_rows in rows().values())


def test_models_and_schema_agree(fresh):
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_every_check_of_the_models_is_in_the_schema(fresh):
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        inspector = inspect(connection)
        for table in db.metadata.sorted_tables:
            ours = {each.name for each in table.constraints if isinstance(each, CheckConstraint)}
            theirs = {each["name"] for each in inspector.get_check_constraints(table.name)}
            assert {name for name in ours if name} == theirs, table.name


def test_foreign_keys_are_enforced_after_migrating(fresh):
    flask_migrate.upgrade()
    if db.engine.dialect.name != "sqlite":
        return
    with db.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_usage_tables_have_no_rowid_on_sqlite(fresh):
    flask_migrate.upgrade()
    if db.engine.dialect.name != "sqlite":
        return
    with db.engine.connect() as connection:
        query = text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%' ORDER BY name")
        assert set(connection.execute(query).scalars()) >= {"usage_day", "usage_hour"}
