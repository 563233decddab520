"""The heads of audit trails: what each day's last entry was, and up to where a trail was written without a key."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PHASE = "expand"


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("is_seal", sa.Boolean(), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_head_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("organization_id", "entry_id", name=op.f("pk_audit_head")),
    )


def downgrade() -> None:
    refuse_loss("what proves the audit trails", "audit_head")
    op.drop_table("audit_head")
