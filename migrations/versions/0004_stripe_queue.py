"""Stripe's events become a queue; calls that make something are written down first; mandates in full."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("payment_method", sa.Column("mandate_url", sa.Text(), nullable=True))
    op.add_column("payment_method", sa.Column("mandate_status", sa.Text(), nullable=True))
    _keep_one_of_each_account()
    op.create_index("ix_payment_method_stripe_id", "payment_method", ["stripe_id"])
    op.create_index(
        "ix_payment_method_fingerprint",
        "payment_method",
        ["organization_id", "payment_type", "fingerprint"],
        unique=True,
    )
    op.add_column("stripe_event", sa.Column("customer_id", sa.Text(), nullable=True))
    op.add_column("stripe_event", sa.Column("is_live", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("stripe_event", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("stripe_event", sa.Column("next_attempt_at", _INSTANT, nullable=True))
    op.add_column("stripe_event", sa.Column("leased_until", _INSTANT, nullable=True))
    op.add_column("stripe_event", sa.Column("last_error", sa.Text(), nullable=True))
    op.add_column("stripe_event", sa.Column("refusal", sa.Text(), nullable=True))
    op.create_index("ix_stripe_event_customer_id", "stripe_event", ["customer_id"])
    op.create_index("ix_stripe_event_settled_at", "stripe_event", ["settled_at"])
    op.create_table(
        "stripe_call",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("begun_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_stripe_call_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_stripe_call")),
        sa.UniqueConstraint("organization_id", "uid", name=op.f("uq_stripe_call_organization_id_uid")),
        sa.UniqueConstraint(
            "organization_id", "kind", "subject", name=op.f("uq_stripe_call_organization_id_kind_subject")
        ),
    )
    op.create_index("ix_stripe_call_uid", "stripe_call", ["uid"])


def _keep_one_of_each_account() -> None:
    """The same card or account was listed once for each time it was added: the default stays, or the newest."""
    op.execute(
        """
        DELETE FROM payment_method WHERE EXISTS (
            SELECT 1 FROM payment_method AS other
            WHERE other.organization_id = payment_method.organization_id
              AND other.payment_type = payment_method.payment_type
              AND other.fingerprint = payment_method.fingerprint
              AND other.id <> payment_method.id
              AND (
                (other.is_default AND NOT payment_method.is_default)
                OR (other.is_default = payment_method.is_default AND other.id > payment_method.id)
              )
        )
        """
    )


def downgrade() -> None:
    op.drop_table("stripe_call")
    op.drop_index("ix_stripe_event_settled_at", "stripe_event")
    op.drop_index("ix_stripe_event_customer_id", "stripe_event")
    for column in (
        "refusal",
        "last_error",
        "leased_until",
        "next_attempt_at",
        "attempts",
        "is_live",
        "customer_id",
    ):
        op.drop_column("stripe_event", column)
    op.drop_index("ix_payment_method_fingerprint", "payment_method")
    op.drop_index("ix_payment_method_stripe_id", "payment_method")
    op.drop_column("payment_method", "mandate_status")
    op.drop_column("payment_method", "mandate_url")
