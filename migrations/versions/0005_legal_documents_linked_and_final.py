"""Legal documents: linked both ways, final in the database; the mirror's position, the budget of calls."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SAID = "organization_id, id, uid, easybill_id, number, type, document_on, currency, net_cents, gross_cents"
_MESSAGE = "what is final never changes"

# (name, table, verb)
_REFUSED = (
    ("legal_document_is_not_changed", "legal_document", f"UPDATE OF {_SAID}"),
    ("legal_document_is_not_deleted", "legal_document", "DELETE"),
    ("legal_document_file_is_not_changed", "legal_document_file", "UPDATE"),
    ("legal_document_file_is_not_deleted", "legal_document_file", "DELETE"),
)
_TABLES = ("legal_document", "legal_document_file")
_CREDIT = "This month is a credit: its legal document is not made by itself yet."


def upgrade() -> None:
    op.create_table(
        "mirror_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mirror_state")),
    )
    op.create_table(
        "call_budget",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("called_at", sa.JSON(), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_call_budget")),
    )
    op.add_column("legal_document", sa.Column("due_cents", sa.BigInteger(), nullable=True))
    op.add_column(
        "legal_document", sa.Column("paid_cents", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("legal_document", sa.Column("refers_to_easybill_id", sa.Text(), nullable=True))
    op.add_column("legal_document", sa.Column("cancelled_by_easybill_id", sa.Text(), nullable=True))
    _refuse_changes()
    _let_credits_go()


def _refuse_changes() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, verb in _REFUSED:
        if is_sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
    if not is_sqlite:
        for table in _TABLES:
            op.execute(
                f"CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )


def _let_credits_go() -> None:
    """Credit months waited for this step: their documents are made by themselves from now on."""
    invoice = sa.table(
        "invoice",
        sa.column("delivery", sa.Text()),
        sa.column("last_error", sa.Text()),
        sa.column("total_cents", sa.BigInteger()),
    )
    waiting = (invoice.c.delivery == "stuck") & (invoice.c.total_cents < 0) & (invoice.c.last_error == _CREDIT)
    op.execute(invoice.update().where(waiting).values(delivery="pending", last_error=None))


def downgrade() -> None:
    refuse_loss("what is due for legal documents", "legal_document", "due_cents IS NOT NULL OR paid_cents <> 0")
    refuse_loss(
        "which legal documents belong together",
        "legal_document",
        "refers_to_easybill_id IS NOT NULL OR cancelled_by_easybill_id IS NOT NULL",
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, _ in _REFUSED:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
    if not is_sqlite:
        for table in _TABLES:
            op.execute(f"DROP TRIGGER {table}_is_not_emptied ON {table}")
    for column in ("cancelled_by_easybill_id", "refers_to_easybill_id", "paid_cents", "due_cents"):
        op.drop_column("legal_document", column)
    op.drop_table("call_budget")
    op.drop_table("mirror_state")
