"""Indexes of tables that have rows: PostgreSQL builds them while others write, in no transaction.

What interrupts a build leaves an index behind that is not valid and that no query uses; the next run drops it
and builds anew. A migration that makes an index this way does nothing else: it may run twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op
from sqlalchemy import text

# A build waits for the transactions that began before it, and blocks nobody meanwhile.
_WAITS_FOR_OTHERS = "10min"


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Make an index; `where` is the condition of a partial one."""
    condition = None if where is None else text(where)
    options: dict[str, Any] = {"unique": unique, "postgresql_where": condition, "sqlite_where": condition}
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(name, table, columns, **options)
        return
    with _outside_of_transactions():
        if _is_broken(name):
            op.execute(f"DROP INDEX CONCURRENTLY {name}")
        op.create_index(name, table, columns, **options, postgresql_concurrently=True, if_not_exists=True)


def drop_index(name: str, table: str) -> None:
    """Drop an index without waiting for the readers of its table while others queue behind."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(name, table)
        return
    with _outside_of_transactions():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _outside_of_transactions() -> Iterator[None]:
    with op.get_context().autocommit_block():
        before = op.get_bind().execute(text("SHOW lock_timeout")).scalar_one()
        op.execute(f"SET lock_timeout = '{_WAITS_FOR_OTHERS}'")
        yield
        op.execute(f"SET lock_timeout = '{before}'")


def _is_broken(name: str) -> bool:
    query = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    return bool(op.get_bind().execute(query, {"name": name}).scalar())
