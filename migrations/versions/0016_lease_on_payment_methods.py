"""One at a time changes the payment methods of an organization at Stripe."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PHASE = "expand"


def upgrade() -> None:
    op.create_table(
        "payment_method_lease",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_payment_method_lease_organization_id_organization"),
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_payment_method_lease")),
    )


def downgrade() -> None:
    op.drop_table("payment_method_lease")
