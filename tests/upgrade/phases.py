"""What a migration may do while the previous release still runs: its schema before and after is compared.

An expand step lets the previous release go on; a contract step takes away what the release before it had
already ceased to use. Run as a program it checks the migrations on SQLite.
"""

import re
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import flask_migrate
from alembic.script import ScriptDirectory
from sqlalchemy import event

from portal.app import create_app
from portal.config import ROOT
from portal.storage import db
from tests.settings import NOWHERE, make_settings
from tests.upgrade.releases import head_before, migrations, revisions
from tests.upgrade.schema import Column, Schema, Table, schema_of

FIRST_WITH_A_PHASE = "0010"
PHASES = ("expand", "contract")
BUILDS_INDEX = (
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)(IF NOT EXISTS )?(?P<index>\w+) ON (ONLY )?(?P<table>\w+)"
)
# Statements that work on all rows of a table while nobody else may write them.
SLOW = {
    BUILDS_INDEX: "index {index} of {table} keeps writers waiting: migrating.create_index",
    r"ALTER TABLE (?P<table>\w+) ADD CONSTRAINT (?P<name>\w+) (FOREIGN KEY|CHECK)(?!.*NOT VALID)": (
        "constraint {name} of {table} reads every row under a lock: NOT VALID, and validated by another step"
    ),
    r"(UPDATE|DELETE FROM) (ONLY )?(?P<table>\w+)": "rows of {table} are changed, all in one transaction",
}
NOT_AGAIN = r"(CREATE|DROP|ALTER) TABLE|CREATE TRIGGER|INSERT INTO|DELETE FROM|UPDATE (?!alembic_version)"
NEVER = "is new, cannot be empty and has no default"


def violations(script: ScriptDirectory) -> Iterator[str]:
    """Run all migrations on the empty database of the app, and yield what the rule has against them."""
    order = revisions(script)
    schemas: dict[str | None, Schema] = {None: {}}
    before = None
    is_sqlite = db.engine.dialect.name == "sqlite"
    for revision in order:
        with statements_sent() as statements:
            flask_migrate.upgrade(directory=script.dir, revision=revision)
        with db.engine.connect() as connection:
            schemas[revision] = schema_of(connection)
        if revision >= FIRST_WITH_A_PHASE:
            released = head_before(revision, order)
            module = script.get_revision(revision).module
            found = [
                *breaks(schemas[released], schemas[before], schemas[revision]),
                *holds_up(statements, schemas[released].keys() & schemas[before].keys(), is_sqlite=is_sqlite),
            ]
            for sentence in judged(module, found, order, released):
                yield f"{revision}: {sentence}"
        before = revision


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """Collect the statements that the app's engine is sent meanwhile."""
    statements: list[str] = []

    def collect(*facts: object) -> None:
        statements.append(" ".join(str(facts[2]).split()))

    event.listen(db.engine, "before_cursor_execute", collect)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", collect)


def judged(module: ModuleType, found: list[str], order: list[str], released: str | None) -> Iterator[str]:
    """Yield what is wrong with a migration that breaks the previous release as `found` says."""
    phase = getattr(module, "PHASE", None)
    if phase not in PHASES:
        yield 'it does not say PHASE = "expand" or PHASE = "contract"'
    elif phase == "expand":
        lives_with = getattr(module, "LIVES_WITH", {})
        for sentence in found:
            if sentence not in lives_with:
                yield f"the previous release does not live with it: {sentence}"
        for sentence in lives_with:
            if sentence not in found:
                yield f"LIVES_WITH has what does not happen: {sentence}"
    else:
        yield from _of_contract(getattr(module, "EXPANDED_BY", None), found, order, released)


def _of_contract(
    expanded_by: str | None, found: list[str], order: list[str], released: str | None
) -> Iterator[str]:
    yield from (f"no release lives with it: {sentence}" for sentence in found if sentence.endswith(NEVER))
    if expanded_by not in order:
        yield "a contract step names the migration that made room for it: EXPANDED_BY"
    elif released is None or order.index(expanded_by) > order.index(released):
        yield f"{expanded_by} expands in the same release: the contract step waits for the next one"


def breaks(released: Schema, before: Schema, after: Schema) -> Iterator[str]:
    """Yield what code that was written for a released schema cannot live with in one step of the schema."""
    for name in sorted(released.keys() & before.keys()):
        if name not in after:
            yield f"table {name} is dropped or renamed"
            continue
        yield from _in_columns(name, released[name], before[name], after[name])
        yield from _in_keys(name, before[name], after[name])
        yield from _in_objects(name, before[name], after[name])


def _in_columns(name: str, released: Table, before: Table, after: Table) -> Iterator[str]:
    for column in sorted(released.columns.keys() & before.columns.keys()):
        if column not in after.columns:
            yield f"column {name}.{column} is dropped or renamed"
        else:
            yield from _in_column(f"{name}.{column}", before.columns[column], after.columns[column])
    for column in sorted(after.columns.keys() - before.columns.keys()):
        if not after.columns[column].is_nullable and not after.columns[column].has_default:
            yield f"column {name}.{column} {NEVER}"


def _in_column(name: str, before: Column, after: Column) -> Iterator[str]:
    if before.type != after.type:
        yield f"column {name} changes from {before.type} to {after.type}"
    if before.is_nullable and not after.is_nullable:
        yield f"column {name} cannot be empty any more"
    if after.is_nullable and not before.is_nullable:
        yield f"column {name} may be empty now"
    if before.has_default and not after.has_default:
        yield f"column {name} loses its default"


def _in_keys(name: str, before: Table, after: Table) -> Iterator[str]:
    unwritten = {
        column
        for column, facts in after.columns.items()
        if column not in before.columns and facts.is_nullable and not facts.has_default
    }  # the previous release leaves them empty, and an empty column satisfies every key
    if before.primary_key != after.primary_key:
        yield f"the primary key of {name} changes"
    for columns in sorted(after.unique - before.unique):
        if not unwritten & set(columns):
            yield f"{name} is unique now by {', '.join(columns)}"
    for columns in sorted(before.unique - after.unique):
        yield f"{name} is no longer unique by {', '.join(columns)}"
    for columns, referred in sorted(after.references - before.references):
        if not unwritten & set(columns):
            yield f"{name} refers to {referred} now by {', '.join(columns)}"


def _in_objects(name: str, before: Table, after: Table) -> Iterator[str]:
    for check in sorted(after.checks.keys()):
        is_of_old_columns = set(re.findall(r"\w+", after.checks[check])) & before.columns.keys()
        if before.checks.get(check) != after.checks[check] and is_of_old_columns:
            yield f"check {check} of {name} is new"
    for index in sorted(before.indexes - after.indexes):
        yield f"index {index} of {name} is dropped"
    for trigger in sorted(before.triggers.keys() | after.triggers.keys()):
        if trigger not in after.triggers:
            yield f"trigger {trigger} of {name} is dropped"
        elif trigger not in before.triggers:
            yield f"trigger {trigger} of {name} is new"
        elif before.triggers[trigger] != after.triggers[trigger]:
            yield f"trigger {trigger} of {name} is another"


def holds_up(statements: list[str], tables: Collection[str], *, is_sqlite: bool = False) -> Iterator[str]:
    """Yield what keeps others waiting in tables that may be large: work on all rows in one transaction."""
    is_concurrent = any(" CONCURRENTLY " in each for each in statements)
    # SQLite has one writer: there an index is built while it waits.
    refused = {pattern: SLOW[pattern] for pattern in SLOW if pattern != BUILDS_INDEX or not is_sqlite}
    for statement in statements:
        for pattern, sentence in refused.items():
            match = re.match(pattern, statement, re.IGNORECASE)
            if match and match["table"] in tables:
                yield sentence.format(**match.groupdict())
        if is_concurrent and re.match(NOT_AGAIN, statement, re.IGNORECASE):
            yield f"an index is built concurrently in a migration of its own, not beside {statement[:40]}"


def main() -> int:
    """Print what the rule has against the migrations; return the exit code."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(make_settings(f"sqlite:///{home}/portal.sqlite", NOWHERE, Path(home)))
        with app.app_context():
            found = list(violations(migrations(str(ROOT / "migrations"))))
            db.engine.dispose()
    sys.stderr.writelines(f"migration {sentence}\n" for sentence in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
