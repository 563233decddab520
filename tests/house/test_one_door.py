"""Who is billed is written through one door: `BillingProfile.checked`, then `set_billing_profile`.

An unchecked country or VAT id makes an invoice of 0 % VAT, so whatever else could write these columns is
found here. What writes columns of the same names in other tables is allowed by name.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from portal.config import ROOT
from portal.domain.billing_profile import BillingProfile
from portal.models import Organization

COLUMNS = {field.name for field in fields(BillingProfile)} | {"currency"}
FILES = [
    path
    for path in sorted((ROOT / "portal").rglob("*.py"))
    if "sandbox" not in path.parts  # knows no table of ours
]
ALLOWED = {
    ("directory.py", "calls Organization"),  # makes them, of a checked profile and currency
    ("organization.py", "calls setattr"),  # the door itself, which takes a CheckedProfile
    ("billing_profile.py", "calls CheckedProfile"),  # the check
    ("customers.py", "changes organization by a statement"),  # EasyBill's id and the version it was told
    ("deliver.py", "calls setattr"),  # counts of a run
    ("actions.py", "assigns .country"),  # of a card
    ("arguments.py", "assigns .name"),  # of a command's argument
}
_CALLS = {"Organization", "CheckedProfile", "setattr", "__setattr__"}
_STATEMENTS = {"insert", "update", "insert_rows", "query", "bulk_insert_mappings", "bulk_update_mappings"}
_SQL = re.compile(r"\b(update|into)\s+\W?organization\b", re.IGNORECASE)


def writes_in(source: str) -> set[str]:
    """Say how a source writes what an organization is billed by, or could."""
    tree = ast.parse(source)
    found = {each for node in ast.walk(tree) for each in _writes_of(node)}
    if "changes organization by a statement" in found:
        found |= {f"sets {name}" for node in ast.walk(tree) for name in _values_of(node) if name in COLUMNS}
    return found


def _writes_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        if isinstance(node.ctx, ast.Store | ast.Del) and node.attr in COLUMNS:
            yield f"assigns .{node.attr}"
        if node.attr == "__dict__":
            yield "uses __dict__"
    elif isinstance(node, ast.Call):
        yield from _writes_of_call(node, _name(node.func))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.search(node.value):
        yield "writes organization in SQL"


def _writes_of_call(call: ast.Call, name: str) -> Iterator[str]:
    if name in _CALLS:
        yield f"calls {name}"
    if name == "cast" and "CheckedProfile" in ast.dump(call):
        yield "casts to CheckedProfile"
    if name in _STATEMENTS and any("'Organization'" in ast.dump(each) for each in call.args):
        yield "changes organization by a statement"


def _values_of(node: ast.AST) -> Iterator[str]:
    """Return the names that a `values(...)` sets; all of them where it does not say which."""
    if isinstance(node, ast.Call) and _name(node.func) == "values":
        for keyword in node.keywords:
            yield from [keyword.arg] if keyword.arg else COLUMNS
        for argument in node.args:
            keys = argument.keys if isinstance(argument, ast.Dict) else [None]
            for key in keys:
                yield from [str(key.value)] if isinstance(key, ast.Constant) else COLUMNS


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def test_the_columns_of_the_billing_profile_and_their_writers_exist():
    assert {"country", "vat_id", "currency", "emails", "name"} <= COLUMNS
    assert set(Organization.__table__.columns.keys()) >= COLUMNS
    assert {name for name, _ in ALLOWED} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_single_module_writes_the_billing_profile(path: Path):
    assert [each for each in sorted(writes_in(path.read_text())) if (path.name, each) not in ALLOWED] == []


@pytest.mark.parametrize(
    "source",
    [
        "organization.vat_id = text",
        "organization.name, other = 'Acme', 1",
        "organization.emails += ['a@b.example']",
        "organization.city: str = 'Wien'",
        "for organization.country in codes: pass",
        "with door as organization.street: pass",
        "del organization.currency",
        "setattr(organization, name, value)",
        "object.__setattr__(organization, name, value)",
        "organization.__dict__.update(facts)",
        "Organization(name='Acme')",
        "models.Organization(**facts)",
        "CheckedProfile(profile)",
        "organization.set_billing_profile(cast('CheckedProfile', profile))",
        "query = update(Organization).values(country='UK')",
        "query = update(Organization)\nquery = query.values(**facts)",
        "db.session.execute(insert(Organization), rows)",
        "postgresql.insert(Organization.__table__)",
        "insert_rows(Organization, rows)",
        "db.session.query(Organization).update({'country': 'UK'})",
        "text('UPDATE organization SET country = :country')",
        'text("insert into \\"organization\\" values (1)")',
    ],
)
def test_the_search_for_writers_of_the_billing_profile_finds_a_second_writer(source):
    assert writes_in(source)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("update(Organization).values(country='UK')", "country"),
        ("update(Organization).values({'vat_id': None})", "vat_id"),
        ("update(Organization).values({Organization.city: 'Wien'})", "city"),
        ("update(Organization).values(**facts)", "currency"),
    ],
)
def test_a_statement_on_organizations_sets_no_column_of_the_profile(source, name):
    assert f"sets {name}" in writes_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "organization.stripe_customer_id = 'cus_1'",
        "profile = BillingProfile(name='Acme', country='UK')",
        "select(Organization).where(Organization.country == 'DE')",
        "update(Invoice).values(currency='EUR')",
        "'Update: organization names are shown in full'",
    ],
)
def test_the_search_for_writers_of_the_billing_profile_leaves_other_code_alone(source):
    assert writes_in(source) == set()
