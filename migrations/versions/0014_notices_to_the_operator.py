"""What needs a person is told to the operator by mail, once, and again each day until it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

PHASE = "expand"
_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "operator_notice",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("first_seen_at", _INSTANT, nullable=False),
        sa.Column("mailed_at", _INSTANT, nullable=True),
        sa.Column("resolved_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_operator_notice")),
    )
    op.create_index("ix_operator_notice_resolved_at", "operator_notice", ["resolved_at"])


def downgrade() -> None:
    op.drop_table("operator_notice")
