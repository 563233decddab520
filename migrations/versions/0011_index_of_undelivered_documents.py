"""What is still to be delivered is found without a look at every invoice that ever was."""

from portal.migrating.indexes import create_index, drop_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PHASE = "expand"


def upgrade() -> None:
    create_index("ix_invoice_delivery", "invoice", ["delivery", "closed_at"])


def downgrade() -> None:
    drop_index("ix_invoice_delivery", "invoice")
