"""Invoices keep what their VAT depends on: country, VAT id and case, final like all that they say."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FINAL_BEFORE = (
    "organization_id, id, uid, period, number, currency, total_cents, due_cents, credit_cents, closed_at"
)
_KEPT = "vat_country, vat_id, vat_case"
_TRIGGER = "invoice_is_not_changed"
_MESSAGE = "what is final never changes"


def upgrade() -> None:
    op.add_column("invoice", sa.Column("vat_country", sa.String(2), nullable=True))
    op.add_column("invoice", sa.Column("vat_id", sa.Text(), nullable=True))
    op.add_column("invoice", sa.Column("vat_case", sa.Text(), nullable=True))
    _allow_changes()
    _refuse_changes(f"{_FINAL_BEFORE}, {_KEPT}")


def _allow_changes() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {_TRIGGER}" if is_sqlite else f"DROP TRIGGER {_TRIGGER} ON invoice")


def _refuse_changes(columns: str) -> None:
    begin = f"CREATE TRIGGER {_TRIGGER} BEFORE UPDATE OF {columns} ON invoice"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"{begin} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END")
    else:
        op.execute(f"{begin} FOR EACH ROW EXECUTE FUNCTION refuse_change()")


def downgrade() -> None:
    is_kept = "vat_country IS NOT NULL OR vat_id IS NOT NULL OR vat_case IS NOT NULL"
    refuse_loss("the VAT of final invoices", "invoice", is_kept)
    _allow_changes()  # a trigger that names a column keeps it from being dropped
    for column in ("vat_case", "vat_id", "vat_country"):
        op.drop_column("invoice", column)
    _refuse_changes(_FINAL_BEFORE)
