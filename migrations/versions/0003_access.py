"""Sessions, throttling, password resets, stored answers, tokens that only read, and the audit trail."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MESSAGE = "what is final never changes"


def upgrade() -> None:
    _add_sessions()
    _add_edge()
    _add_audit()
    with op.batch_alter_table("api_token") as batch:
        batch.add_column(sa.Column("is_read_only", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("parent_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            batch.f("fk_api_token_organization_id_parent_id_api_token"),
            "api_token",
            ["organization_id", "parent_id"],
            ["organization_id", "id"],
        )


def _add_sessions() -> None:
    op.create_table(
        "user_session",
        sa.Column("id_sha256", sa.String(64), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_user_session_account_id_account")),
        sa.PrimaryKeyConstraint("id_sha256", name=op.f("pk_user_session")),
        sa.UniqueConstraint("uid", name=op.f("uq_user_session_uid")),
    )
    op.create_index("ix_user_session_account_id", "user_session", ["account_id"])
    op.create_table(
        "password_reset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_password_reset_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_password_reset_token_sha256")),
    )
    op.create_index("ix_password_reset_account_id", "password_reset", ["account_id"])


def _add_edge() -> None:
    op.create_table(
        "throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    op.create_table(
        "stored_answer",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_stored_answer")),
    )


def _add_audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("account_uid", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("previous_sha256", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_entry_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("organization_id", "uid", name=op.f("uq_audit_entry_organization_id_uid")),
    )
    op.create_index("ix_audit_entry_uid", "audit_entry", ["uid"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entry_no_{verb.lower()} BEFORE {verb} ON audit_entry"
                f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER audit_entry_is_not_changed BEFORE UPDATE OR DELETE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_is_not_emptied BEFORE TRUNCATE ON audit_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    refuse_loss("the audit trail", "audit_entry")
    refuse_loss("that tokens only read", "api_token", "is_read_only")
    refuse_loss("which token ends with which", "api_token", "parent_id IS NOT NULL")
    with op.batch_alter_table("api_token") as batch:
        batch.drop_constraint(batch.f("fk_api_token_organization_id_parent_id_api_token"), type_="foreignkey")
        batch.drop_column("parent_id")
        batch.drop_column("is_read_only")
    for table in ("audit_entry", "stored_answer", "throttle", "password_reset", "user_session"):
        op.drop_table(table)
