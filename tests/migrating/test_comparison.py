"""A schema is held against what the migrations make: what was planted or taken away is found."""

import flask_migrate
import pytest

from portal.migrating import comparison, schema_differences
from portal.storage import db
from tests.upgrade.releases import migrations, revisions

PLANTED = {
    "CREATE TABLE evil (id INTEGER)": "schema: no migration makes table evil: ",
    "CREATE VIEW evil AS SELECT 1 AS a": "schema: no migration makes view evil",
    "CREATE INDEX evil ON invoice (period)": "schema: no migration makes index evil on invoice",
    "ALTER TABLE account ADD COLUMN evil INTEGER": "schema: no migration makes table account: ",
    "DROP INDEX ix_invoice_uid": "schema: index ix_invoice_uid on invoice is missing",
}
PLANTED_SQLITE = {
    "CREATE TRIGGER evil AFTER INSERT ON user_session BEGIN UPDATE membership SET role = 'admin'; END": (
        "schema: no migration makes trigger evil on user_session"
    ),
    "DROP TRIGGER invoice_is_not_changed": "schema: trigger invoice_is_not_changed on invoice is missing",
}
PLANTED_POSTGRESQL = {
    "CREATE TRIGGER evil BEFORE UPDATE ON user_session FOR EACH ROW EXECUTE FUNCTION refuse_change()": (
        "schema: no migration makes trigger evil on user_session"
    ),
    "DROP TRIGGER invoice_is_not_changed ON invoice": (
        "schema: trigger invoice_is_not_changed on invoice is missing"
    ),
    "ALTER TABLE invoice DISABLE TRIGGER invoice_is_not_changed": (
        "schema: trigger invoice_is_not_changed on invoice is not as the migrations make it: "
    ),
    "CREATE FUNCTION evil() RETURNS integer LANGUAGE sql AS 'SELECT 1'": (
        "schema: no migration makes function evil()"
    ),
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'": (
        "schema: function refuse_change() is not as the migrations make it: "
    ),
    "CREATE RULE evil AS ON DELETE TO throttle DO INSTEAD NOTHING": "schema: no migration makes rule evil",
    "CREATE POLICY evil ON invoice USING (true)": "schema: no migration makes policy evil on invoice",
    "ALTER TABLE price DROP CONSTRAINT ck_price_not_negative": (
        "schema: table price: constraint ck_price_not_negative is missing"
    ),
    "ALTER TABLE organization ALTER COLUMN vat_id TYPE varchar(9)": (
        "schema: table organization: column vat_id is not as the migrations make it: "
    ),
}


def differences_after(statement: str) -> list[str]:
    with db.engine.connect() as connection:
        connection.exec_driver_sql(statement)
        return list(schema_differences(connection))


def test_the_list_of_objects_is_what_the_migrations_make_on_both_ways_up(fresh):
    """`python -m tests.upgrade.objects` writes the list anew."""
    assert comparison._expected()["head"] == migrations().get_current_head()
    for _ in range(2):
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert list(schema_differences(connection)) == []
        flask_migrate.downgrade(revision="base")


@pytest.mark.parametrize("statement", PLANTED)
def test_an_object_that_is_planted_in_a_schema_or_taken_away_is_found(app, statement):
    (sentence,) = differences_after(statement)
    assert sentence.startswith(PLANTED[statement])


@pytest.mark.parametrize("statement", [*PLANTED_SQLITE, *PLANTED_POSTGRESQL])
def test_an_object_that_acts_by_itself_or_was_switched_off_is_found(app, statement):
    expected = PLANTED_SQLITE if db.engine.dialect.name == "sqlite" else PLANTED_POSTGRESQL
    if statement in expected:
        (sentence,) = differences_after(statement)
        assert sentence.startswith(expected[statement])


def test_in_a_schema_of_another_migration_what_acts_and_is_not_ours_is_found(fresh):
    flask_migrate.upgrade(revision=revisions(migrations())[-2])
    assert differences_after("CREATE TABLE other (id INTEGER)") == []
    assert differences_after("CREATE VIEW evil AS SELECT 1 AS a") == ["schema: no migration makes view evil"]


def test_the_statistics_of_analyze_are_no_object_of_a_schema(app):
    assert differences_after("ANALYZE") == []
