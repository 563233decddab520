"""Mails wait in an outbox of their own, which serves every room; an event of Stripe's is done, not settled."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("sent_at", _INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _INSTANT, nullable=True),
        sa.Column("leased_until", _INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
    )
    op.create_index("ix_outgoing_mail_sent_at", "outgoing_mail", ["sent_at"])
    _enqueue_waiting_requests()
    op.drop_column("password_reset", "attempts")
    op.drop_column("password_reset", "next_attempt_at")
    _rename("settled_at", "done_at")


def _enqueue_waiting_requests() -> None:
    """Give each request for a password that was not answered yet its mail in the outbox."""
    facts = "json_object('password_reset_id', id)"
    if op.get_bind().dialect.name == "postgresql":
        facts = "json_build_object('password_reset_id', id)"
    op.execute(
        "INSERT INTO outgoing_mail (kind, facts, created_at, attempts, next_attempt_at)"
        f" SELECT 'password_reset', {facts}, requested_at, attempts, next_attempt_at"
        " FROM password_reset WHERE sent_at IS NULL"
    )


def _rename(old: str, new: str) -> None:
    op.drop_index(f"ix_stripe_event_{old}", table_name="stripe_event")
    op.execute(f"ALTER TABLE stripe_event RENAME COLUMN {old} TO {new}")
    op.create_index(f"ix_stripe_event_{new}", "stripe_event", [new])


def downgrade() -> None:
    _rename("done_at", "settled_at")
    op.add_column("password_reset", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    # The old clock sends what is due since some day: a request is due since it was made.
    op.add_column(
        "password_reset",
        sa.Column("next_attempt_at", _INSTANT, nullable=False, server_default="1970-01-01 00:00:00+00:00"),
    )
    _reopen_unsent_requests()
    op.drop_index("ix_outgoing_mail_sent_at", table_name="outgoing_mail")
    op.drop_table("outgoing_mail")


def _reopen_unsent_requests() -> None:
    """A mail that failed has its code already: the old clock makes another one of a request that is not sent."""
    op.execute(
        "UPDATE password_reset SET sent_at = NULL WHERE id IN (SELECT CAST(facts ->> 'password_reset_id' AS INTEGER)"
        " FROM outgoing_mail WHERE kind = 'password_reset' AND sent_at IS NULL)"
    )
