"""Proves that the schema, whose triggers keep what is final, is what the migrations of this code make."""

from collections.abc import Iterator

from alembic.script import ScriptDirectory

from portal.config import ROOT
from portal.migrating import schema_differences, version_of
from portal.storage import db


def schema_faults() -> Iterator[str]:
    """Yield a sentence for each object that is missing, changed or not ours, and for another schema."""
    connection = db.session.connection()
    head = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    version = version_of(connection)
    if version != head:
        yield f"schema: it ends with migration {version}, this code's with {head}, so it cannot be compared"
    yield from schema_differences(connection)
