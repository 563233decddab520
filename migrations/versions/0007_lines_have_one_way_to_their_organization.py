"""Invoice lines reach their organization through their invoice: one foreign key to check less for each."""

from alembic import op

revision = "0007"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = "fk_invoice_item_organization_id_organization"
_MESSAGE = "what is final never changes"


def upgrade() -> None:
    with op.batch_alter_table("invoice_item") as batch:
        batch.drop_constraint(batch.f(_KEY), type_="foreignkey")
    _refuse_changes_again()


def downgrade() -> None:
    with op.batch_alter_table("invoice_item") as batch:
        batch.create_foreign_key(batch.f(_KEY), "organization", ["organization_id"], ["id"])
    _refuse_changes_again()


def _refuse_changes_again() -> None:
    """SQLite makes the table anew, and its triggers went with the old one."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, verb in (("invoice_item_is_not_changed", "UPDATE"), ("invoice_item_is_not_deleted", "DELETE")):
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON invoice_item"
            f" BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
        )
