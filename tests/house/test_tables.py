"""The rules of SCALE.md, read from the metadata: the same schema can be distributed by organization."""

import pytest
from sqlalchemy import Table, UniqueConstraint

import portal.models  # noqa: F401
from portal.storage import db

TABLES = sorted(db.metadata.tables.values(), key=lambda table: table.name)
PLACEMENTS = {"organization", "reference", "local"}


def placement(table: Table) -> str | None:
    return table.info.get("placement")


OWNED = [table for table in TABLES if placement(table) == "organization"]
OTHERS = [table for table in TABLES if placement(table) != "organization"]
KEYS = [
    (table, key)
    for table in TABLES
    for key in sorted(table.foreign_key_constraints, key=lambda each: str(each.name))
]


def each(tables):
    return pytest.mark.parametrize("table", tables, ids=lambda table: table.name)


def each_key(keys):
    return pytest.mark.parametrize(
        ("table", "key"), keys, ids=[f"{table.name}-{'-'.join(key.column_keys)}" for table, key in keys]
    )


def test_tables_of_organizations_exist():
    assert len(OWNED) > 5


@each(TABLES)
def test_every_table_names_its_placement(table):
    assert placement(table) in PLACEMENTS


@each(OWNED)
def test_a_table_of_an_organization_leads_its_primary_key_with_it(table):
    assert next(iter(table.primary_key.columns)).name == "organization_id"


@each(OWNED)
def test_a_unique_constraint_of_an_organizations_table_contains_it(table):
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    unique += [index for index in table.indexes if index.unique]
    for each_ in unique:
        assert "organization_id" in [column.name for column in each_.columns], each_.name


@each(OWNED)
def test_a_table_of_an_organization_makes_its_own_numbers(table):
    assert not [column.name for column in table.primary_key.columns if column.autoincrement is True]
    assert table.autoincrement_column is None


@each([table for table in OWNED if "uid" in table.columns])
def test_a_public_id_is_unique_in_its_organization_and_indexed_by_itself(table):
    unique = [[c.name for c in u.columns] for u in table.constraints if isinstance(u, UniqueConstraint)]
    assert ["organization_id", "uid"] in unique
    assert ["uid"] in [[column.name for column in index.columns] for index in table.indexes]


@each([table for table in OWNED if "id" in table.columns])
def test_a_numbered_table_of_an_organization_has_a_public_id(table):
    assert [column.name for column in table.primary_key.columns] == ["organization_id", "id"]
    assert "uid" in table.columns


@each_key([(table, key) for table, key in KEYS if placement(table) == "organization"])
def test_an_organizations_table_refers_to_its_own_organization_or_to_reference_tables(table, key):
    there = placement(key.referred_table)
    assert there in {"organization", "reference"}
    if there == "organization":
        pairs = {element.parent.name: element.column.name for element in key.elements}
        assert pairs.get("organization_id") == "organization_id"


@each_key([(table, key) for table, key in KEYS if placement(table) != "organization"])
def test_a_table_of_no_organization_refers_to_reference_tables_only(table, key):
    assert placement(key.referred_table) == "reference"


@each_key(KEYS)
def test_a_foreign_key_never_sets_null(table, key):
    assert (key.ondelete or "").upper() != "SET NULL"
    assert (key.onupdate or "").upper() != "SET NULL"


@each_key(KEYS)
def test_a_foreign_key_has_a_name_of_63_characters_at_most_or_is_shortened_by_rule(table, key):
    assert key.name, "an unnamed key cannot be dropped and added when tables are distributed"


@each(OTHERS)
def test_a_reference_or_local_table_belongs_to_no_organization(table):
    assert "organization_id" not in table.columns


@each(TABLES)
def test_every_constraint_has_a_name(table):
    assert not [constraint for constraint in table.constraints if not constraint.name]


@each(TABLES)
def test_no_column_is_a_float(table):
    for column in table.columns:
        assert "FLOAT" not in str(column.type).upper()
        assert "REAL" not in str(column.type).upper()
        assert "DOUBLE" not in str(column.type).upper()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("usage_hour", ["organization_id", "hour", "subscription_id"]),
        ("usage_day", ["organization_id", "day", "subscription_id"]),
    ],
)
def test_usage_is_keyed_by_organization_time_and_subscription(table, key):
    found = db.metadata.tables[table]
    assert [column.name for column in found.primary_key.columns] == key
    assert found.dialect_options["sqlite"]["with_rowid"] is False
