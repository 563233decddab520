"""A downgrade takes nothing away that a document rests on: it refuses where there is such a row."""

from alembic import op
from sqlalchemy import text


class LossError(RuntimeError):
    """A downgrade would lose rows or values that nothing brings back."""


def refuse_loss(what: str, table: str, where: str = "1 = 1") -> None:
    """Refuse to go on downgrading while a table has a row that matches."""
    query = text(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1")  # noqa: S608 - a migration's own words
    found = op.get_bind().execute(query).first()
    if found:
        raise LossError(
            f"The downgrade stops before it would lose {what}, in table {table}."
            " The previous release runs on this schema: go back with the code alone."
        )
