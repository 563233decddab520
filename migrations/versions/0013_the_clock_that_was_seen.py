"""The clock that was last seen, why it is not trusted, and who accepted it after a jump."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

PHASE = "expand"
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "clock_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("stopped_at", _INSTANT, nullable=True),
        sa.Column("stopped_because", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_state_is_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_state")),
    )
    op.create_table(
        "clock_acceptance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stopped_at", _INSTANT, nullable=False),
        sa.Column("stopped_because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_acceptance")),
    )


def downgrade() -> None:
    refuse_loss("who accepted a clock that jumped, and why", "clock_acceptance")
    op.drop_table("clock_acceptance")
    op.drop_table("clock_state")
