"""The scheduler remembers when each of its steps last ran, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PHASE = "expand"
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "scheduler_step",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_started_at", _INSTANT, nullable=True),
        sa.Column("last_completed_at", _INSTANT, nullable=True),
        sa.Column("last_failed_at", _INSTANT, nullable=True),
        sa.Column("last_outcome", sa.Text(), nullable=True),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scheduler_step")),
    )


def downgrade() -> None:
    op.drop_table("scheduler_step")
