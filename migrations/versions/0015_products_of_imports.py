"""A product that an import made belongs to the organization that imported it; the catalogue's belong to nobody.

Products that imports made before are told by their code, which ends with their first price. Those that one
organization uses become its own. One that several use stays as it is, since their past lines are made of it, but
for its name: that was the first importer's text, and is the SKU now. So is that of one that nobody uses yet.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PHASE = "expand"
_FOREIGN_KEY = "fk_product_owner_id_organization"
_NAME_LENGTH_MAX = 200
_UNIT_LENGTH_MAX = 40
_PICO_DECIMALS = 12
_OWNER = re.compile(r"#[0-9]+$")


def upgrade() -> None:
    op.execute(
        f"ALTER TABLE product ADD COLUMN owner_id INTEGER CONSTRAINT {_FOREIGN_KEY} REFERENCES organization (id)"
    )
    users = sa.text(
        "SELECT count(DISTINCT organization_id), min(organization_id) FROM subscription WHERE product_id = :id"
    )
    own = sa.text("UPDATE product SET owner_id = :owner_id WHERE id = :id")
    shared = sa.text("UPDATE product SET name = :name, unit = :unit WHERE id = :id")
    database = op.get_bind()
    for product_id, sku, unit in list(_imported(database)):
        count, owner_id = database.execute(users, {"id": product_id}).one()
        if count == 1:
            database.execute(own, {"id": product_id, "owner_id": owner_id})
        else:
            is_usual = len(unit) <= _UNIT_LENGTH_MAX and unit.isprintable()
            plain = {"name": sku[:_NAME_LENGTH_MAX], "unit": unit if is_usual else "unit"}
            database.execute(shared, {"id": product_id, **plain})


def _imported(database: sa.Connection) -> Iterator[tuple[int, str, str]]:
    """Yield (id, SKU, unit) of each product that an import has made."""
    rows = database.execute(
        sa.text(
            "SELECT product.id, code, unit, currency, unit_price FROM product"
            " JOIN price ON price.product_id = product.id"
            " WHERE start_day = 0 AND metering = 'usage' ORDER BY product.id"
        )
    )
    for product_id, code, unit, currency, pico in rows:
        key = _OWNER.sub("", code)  # where this step was taken back, and is made again
        sku = key.removesuffix(f"@{_as_written(pico)}{currency}")
        if sku != key:
            yield product_id, sku, unit


def _as_written(pico: int) -> Decimal:
    """Return a price whose text is as in a code: of a small one 1E-7, not 0.0000001."""
    whole, fraction = divmod(pico, 10**_PICO_DECIMALS)
    digits = f"{fraction:0{_PICO_DECIMALS}d}".rstrip("0")
    return Decimal(f"{whole}.{digits}" if digits else f"{whole}")


def downgrade() -> None:
    with op.batch_alter_table("product") as product:
        product.drop_column("owner_id")
