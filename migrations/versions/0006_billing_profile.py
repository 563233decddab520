"""The billing profile, what EasyBill was told of it, and legal documents in formats for machines."""

import sqlalchemy as sa
from alembic import op

from portal.migrating import refuse_loss

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = "legal_document_format"
_MESSAGE = "what is final never changes"
# That EasyBill made no such file may be forgotten and asked again; a file stays as it is.
_REFUSED = (
    (f"{_TABLE}_is_not_changed", "UPDATE"),
    (f"{_TABLE}_is_not_deleted", "DELETE"),
)


def upgrade() -> None:
    op.add_column("organization", sa.Column("buyer_reference", sa.Text(), nullable=True))
    op.add_column("organization", sa.Column("order_number", sa.Text(), nullable=True))
    op.add_column(
        "organization", sa.Column("profile_version", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("organization", sa.Column("easybill_profile_version", sa.Integer(), nullable=True))
    op.create_table(
        "legal_document_format",
        sa.Column("organization_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("legal_document_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "legal_document_id"],
            ["legal_document.organization_id", "legal_document.id"],
            name=op.f("fk_legal_document_format_organization_id_legal_document"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "legal_document_id", "format", name=op.f("pk_legal_document_format")
        ),
    )
    _refuse_changes()


def _refuse_changes() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, verb in _REFUSED:
        if is_sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {_TABLE} WHEN OLD.content IS NOT NULL"
                f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {_TABLE}"
                " FOR EACH ROW WHEN (OLD.content IS NOT NULL) EXECUTE FUNCTION refuse_change()"
            )


def downgrade() -> None:
    refuse_loss("e-invoices", _TABLE, "content IS NOT NULL")
    refuse_loss(
        "references of buyers", "organization", "buyer_reference IS NOT NULL OR order_number IS NOT NULL"
    )
    op.drop_table("legal_document_format")
    op.drop_column("organization", "easybill_profile_version")
    op.drop_column("organization", "profile_version")
    op.drop_column("organization", "order_number")
    op.drop_column("organization", "buyer_reference")
