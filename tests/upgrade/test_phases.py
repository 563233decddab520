"""Each migration says its phase, and the previous release lives with what it does, on both databases."""

import shutil
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, text

from portal.config import ROOT
from tests.upgrade.phases import breaks, holds_up, judged, violations
from tests.upgrade.releases import head_before, migrations, releases, revisions
from tests.upgrade.schema import schema_of

BEFORE = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, rank INTEGER DEFAULT 1);
CREATE TABLE bill (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, cents INTEGER);
CREATE INDEX ix_bill_cents ON bill (cents)
"""
LIVED_WITH = {
    "a table": "CREATE TABLE mail (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id))",
    "a column": "ALTER TABLE customer ADD COLUMN city TEXT",
    "a column with a default": "ALTER TABLE customer ADD COLUMN city TEXT NOT NULL DEFAULT ''",
    "a reference": "ALTER TABLE bill ADD COLUMN customer_id INTEGER REFERENCES customer (id)",
    "an index": "CREATE INDEX ix_customer_name ON customer (name)",
    "a unique new column": "ALTER TABLE bill ADD COLUMN code TEXT;\nCREATE UNIQUE INDEX u ON bill (code)",
    "a check of a new column": "ALTER TABLE bill ADD COLUMN vat INTEGER CONSTRAINT c CHECK (vat > 0)",
}
BREAKING = {
    "DROP TABLE bill": ["table bill is dropped or renamed"],
    "ALTER TABLE bill RENAME TO invoice": ["table bill is dropped or renamed"],
    "ALTER TABLE customer DROP COLUMN note": ["column customer.note is dropped or renamed"],
    "ALTER TABLE customer RENAME COLUMN note TO remark": ["column customer.note is dropped or renamed"],
    "CREATE UNIQUE INDEX ux ON bill (cents)": ["bill is unique now by cents"],
    "DROP INDEX ix_bill_cents": ["index ix_bill_cents of bill is dropped"],
}
BREAKING_POSTGRESQL = {
    "ALTER TABLE customer ADD COLUMN city TEXT NOT NULL": [
        "column customer.city is new, cannot be empty and has no default"
    ],
    "ALTER TABLE customer ALTER COLUMN note SET NOT NULL": ["column customer.note cannot be empty any more"],
    "ALTER TABLE customer ALTER COLUMN name DROP NOT NULL": ["column customer.name may be empty now"],
    "ALTER TABLE customer ALTER COLUMN rank DROP DEFAULT": ["column customer.rank loses its default"],
    "ALTER TABLE bill ALTER COLUMN cents TYPE BIGINT": ["column bill.cents changes from INTEGER to BIGINT"],
    "ALTER TABLE bill ADD UNIQUE (cents)": ["bill is unique now by cents"],
    "ALTER TABLE bill DROP CONSTRAINT bill_number_key": ["bill is no longer unique by number"],
    "ALTER TABLE bill ADD CONSTRAINT c CHECK (cents > 0) NOT VALID": ["check c of bill is new"],
    "ALTER TABLE bill ADD FOREIGN KEY (cents) REFERENCES customer": ["bill refers to customer now by cents"],
    "ALTER TABLE bill DROP CONSTRAINT bill_pkey": ["the primary key of bill changes"],
}
TRIGGER = {
    "sqlite": "CREATE TRIGGER t BEFORE INSERT ON bill BEGIN SELECT 1; END",
    "postgresql": "CREATE TRIGGER t BEFORE UPDATE ON bill"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request):
    """A transaction in an empty place, with what is there before; nothing is committed."""
    is_sqlite = request.param == "sqlite"
    url = "sqlite://" if is_sqlite else request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    with engine.connect() as connection:
        if not is_sqlite:
            connection.exec_driver_sql("CREATE SCHEMA phases; SET search_path TO phases")
        run(connection, BEFORE)
        yield connection
        connection.rollback()
    engine.dispose()


def run(connection, statements: str) -> None:
    """Run statements, each but the last with a semicolon at the end of its last line."""
    for statement in statements.split(";\n"):
        connection.execute(text(statement))


def found_after(connection, statements: str) -> list[str]:
    before = schema_of(connection)
    run(connection, statements)
    return list(breaks(before, before, schema_of(connection)))


def test_the_migrations_keep_the_rule(fresh):
    assert list(violations(migrations())) == []


@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
def test_a_migration_that_breaks_the_rule_is_found_by_running_it(fresh, tmp_path):
    directory = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    head = revisions(migrations())[-1]
    (directory / "versions" / "9999_bad.py").write_text(
        f"from alembic import op\nrevision, down_revision = '9999', '{head}'\n"
        "PHASE = 'expand'\ndef upgrade(): op.execute('ALTER TABLE project DROP COLUMN name')\n"
    )
    assert list(violations(migrations(str(directory)))) == [
        "9999: the previous release does not live with it: column project.name is dropped or renamed"
    ]


@pytest.mark.parametrize("statements", LIVED_WITH.values(), ids=LIVED_WITH)
def test_the_previous_release_lives_with_what_is_added(connection, statements):
    assert found_after(connection, statements) == []


@pytest.mark.parametrize("statements", BREAKING)
def test_a_change_that_breaks_the_previous_release_is_found(connection, statements):
    assert found_after(connection, statements) == BREAKING[statements]


@pytest.mark.parametrize("connection", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statements", BREAKING_POSTGRESQL)
def test_a_change_that_only_postgresql_makes_in_place_is_found(connection, statements):
    assert found_after(connection, statements) == BREAKING_POSTGRESQL[statements]


def test_a_trigger_that_the_previous_release_does_not_know_is_found(connection):
    assert found_after(connection, TRIGGER[connection.dialect.name]) == ["trigger t of bill is new"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    {
        "CREATE INDEX i ON bill (cents)": "index i of bill keeps writers waiting: migrating.create_index",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON bill (cents)": None,
        "CREATE INDEX i ON new_table (cents)": None,
        "UPDATE bill SET cents = 0": "rows of bill are changed, all in one transaction",
        "DELETE FROM bill WHERE cents = 0": "rows of bill are changed, all in one transaction",
        "INSERT INTO new_table SELECT * FROM bill": None,
        "ALTER TABLE bill ADD CONSTRAINT f FOREIGN KEY(a) REFERENCES b (id)": (
            "constraint f of bill reads every row under a lock: NOT VALID, and validated by another step"
        ),
        "ALTER TABLE bill ADD CONSTRAINT f FOREIGN KEY(a) REFERENCES b (id) NOT VALID": None,
        "ALTER TABLE bill ADD COLUMN a INTEGER": None,
    }.items(),
)
def test_a_statement_that_works_on_all_rows_under_a_lock_is_found(statement, expected):
    assert list(holds_up([statement], {"bill"})) == ([expected] if expected else [])


def test_an_index_that_is_built_concurrently_is_alone_in_its_migration():
    index = "CREATE INDEX CONCURRENTLY i ON bill (cents)"
    assert list(holds_up([index, "UPDATE alembic_version SET version_num = '0010'"], {"bill"})) == []
    (sentence,) = holds_up([index, "ALTER TABLE bill ADD COLUMN a INTEGER"], {"bill"})
    assert sentence.startswith("an index is built concurrently in a migration of its own")


ORDER = ["0008", "0009", "0010", "0011"]


@pytest.mark.parametrize(
    ("facts", "found", "expected"),
    [
        ({}, [], ['it does not say PHASE = "expand" or PHASE = "contract"']),
        ({"PHASE": "expand"}, [], []),
        ({"PHASE": "expand"}, ["x is dropped"], ["the previous release does not live with it: x is dropped"]),
        ({"PHASE": "expand", "LIVES_WITH": {"x is dropped": "nothing reads it"}}, ["x is dropped"], []),
        ({"PHASE": "expand", "LIVES_WITH": {"y": "…"}}, [], ["LIVES_WITH has what does not happen: y"]),
        ({"PHASE": "contract", "EXPANDED_BY": "0009"}, ["x is dropped"], []),
        (
            {"PHASE": "contract", "EXPANDED_BY": "0010"},
            ["x is dropped"],
            ["0010 expands in the same release: the contract step waits for the next one"],
        ),
        (
            {"PHASE": "contract"},
            [],
            ["a contract step names the migration that made room for it: EXPANDED_BY"],
        ),
        (
            {"PHASE": "contract", "EXPANDED_BY": "0009"},
            ["column a.b is new, cannot be empty and has no default"],
            ["no release lives with it: column a.b is new, cannot be empty and has no default"],
        ),
    ],
)
def test_a_migration_is_judged_by_its_phase(facts, found, expected):
    assert list(judged(SimpleNamespace(**facts), found, ORDER, "0009")) == expected


def test_a_migration_is_compared_with_the_release_before_it():
    order = revisions(migrations())
    assert head_before("0001", order) is None
    assert head_before("0009", order) is None
    assert [head_before(each, order) for each in order if each > "0009"][:1] in ([], ["0009"])


def test_every_release_names_a_commit_and_a_migration_in_the_order_of_time():
    heads = [each.head for each in releases()]
    assert heads == sorted(set(heads))
    assert set(heads) <= set(revisions(migrations()))
    assert all(len(each.commit) == 40 for each in releases())
