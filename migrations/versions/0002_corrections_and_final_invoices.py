"""Late usage, collectors, parked months; final invoices become final in the database itself."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What a final invoice says. The delivery columns are the outbox, and change.
_FINAL_COLUMNS = (
    "organization_id, id, uid, period, number, currency, total_cents, due_cents, credit_cents, closed_at"
)
_CORRECTION_COLUMNS = "organization_id, id, uid, hour, subscription_id, revision, delta, arrived_at"

# (name, table, verb, when)
_REFUSED = (
    ("invoice_is_not_changed", "invoice", f"UPDATE OF {_FINAL_COLUMNS}", ""),
    ("invoice_is_not_deleted", "invoice", "DELETE", ""),
    ("invoice_item_is_not_changed", "invoice_item", "UPDATE", ""),
    ("invoice_item_is_not_deleted", "invoice_item", "DELETE", ""),
    ("usage_correction_is_not_changed", "usage_correction", f"UPDATE OF {_CORRECTION_COLUMNS}", ""),
    ("usage_correction_is_billed_once", "usage_correction", "UPDATE OF invoice_id", "OLD.invoice_id IS NOT NULL"),
    ("usage_correction_is_not_deleted", "usage_correction", "DELETE", ""),
)
_TABLES = ("invoice", "invoice_item", "usage_correction")
_MESSAGE = "what is final never changes"


def upgrade() -> None:
    _add_tables()
    _add_columns()
    _refuse_changes()


def _add_tables() -> None:
    op.create_table(
        "collector",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collector")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_collector_token_sha256")),
    )
    op.create_table(
        "parked_month",
        *_owned("parked_month"),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("organization_id", "period", name=op.f("uq_parked_month_organization_id_period")),
    )
    op.create_index("ix_parked_month_uid", "parked_month", ["uid"])
    op.create_table(
        "usage_correction",
        *_owned("usage_correction"),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        _same_organization("usage_correction", "subscription_id", "subscription"),
        _same_organization("usage_correction", "invoice_id", "invoice"),
    )
    op.create_index("ix_usage_correction_uid", "usage_correction", ["uid"])
    op.create_index("ix_usage_correction_hour", "usage_correction", ["organization_id", "hour"])


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("organization_id", "uid", name=op.f(f"uq_{table}_organization_id_uid")),
    ]


def _same_organization(table: str, column: str, referred: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{referred}.organization_id", f"{referred}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}_{referred}"),
    )


def _add_columns() -> None:
    op.add_column("invoice", sa.Column("due_cents", sa.BigInteger(), nullable=True))
    op.add_column("invoice", sa.Column("credit_cents", sa.BigInteger(), nullable=True))
    op.add_column("invoice_item", sa.Column("kind", sa.Text(), nullable=False, server_default="usage"))
    op.add_column("invoice_item", sa.Column("corrects_period", sa.String(7), nullable=True))


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name, table, verb, when in _REFUSED:
            condition = f" WHEN {when}" if when else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table}{condition}"
                f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    for name, table, verb, when in _REFUSED:
        condition = f" WHEN ({when})" if when else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table}"
            f" FOR EACH ROW{condition} EXECUTE FUNCTION refuse_change()"
        )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    refuse_loss("late usage", "usage_correction")
    refuse_loss("the collectors", "collector")
    refuse_loss("what is due for final invoices", "invoice", "due_cents IS NOT NULL OR credit_cents IS NOT NULL")
    refuse_loss("corrections of earlier months", "invoice_item", "corrects_period IS NOT NULL")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _, _ in _REFUSED:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
    if not is_sqlite:
        for table in _TABLES:
            op.execute(f"DROP TRIGGER {table}_is_not_emptied ON {table}")
        op.execute("DROP FUNCTION refuse_change()")
    op.drop_column("invoice_item", "corrects_period")
    op.drop_column("invoice_item", "kind")
    op.drop_column("invoice", "credit_cents")
    op.drop_column("invoice", "due_cents")
    for table in ("usage_correction", "parked_month", "collector"):
        op.drop_table(table)
