"""Documents and customers at the invoicing provider are named without its name: renames, no row changes."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# (table, column before, column now). Both databases rename in place; triggers and constraints follow the column.
_RENAMED = (
    ("organization", "easybill_customer_id", "invoicing_customer_id"),
    ("organization", "easybill_profile_version", "invoicing_profile_version"),
    ("invoice", "easybill_document_id", "provider_document_id"),
    ("legal_document", "easybill_id", "provider_document_id"),
    ("legal_document", "refers_to_easybill_id", "refers_to_provider_document_id"),
    ("legal_document", "cancelled_by_easybill_id", "cancelled_by_provider_document_id"),
)


def upgrade() -> None:
    for table, before, now in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {now}")
    op.execute("UPDATE mirror_state SET name = 'legal documents' WHERE name = 'easybill documents'")


def downgrade() -> None:
    op.execute("UPDATE mirror_state SET name = 'easybill documents' WHERE name = 'legal documents'")
    for table, before, now in reversed(_RENAMED):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {now} TO {before}")
