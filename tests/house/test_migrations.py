"""Every step up has its step down; models and schema agree; rows survive, on both databases."""

import flask_migrate
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, select, text

from portal.models import OutgoingMail, PasswordReset
from portal.signing_in.actions import PASSWORD_RESET
from portal.storage import db
from tests.factories import NOW, make_account
from tests.upgrade.filled import fill, rows
from tests.upgrade.releases import migrations


def tables() -> set[str]:
    with db.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


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
    with db.engine.connect() as connection:
        before = rows(connection)
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        assert rows(connection) == before


def test_requests_for_a_password_wait_for_their_mail_on_both_sides_of_the_outbox(fresh):
    flask_migrate.upgrade(revision="0009")
    make_account()
    db.session.remove()
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
