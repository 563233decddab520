"""The shape of a table that belongs to an organization, and the counters that number its rows."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import SchemaItem

from portal.storage import Model, db, insert_into

ORGANIZATION = {"placement": "organization"}
REFERENCE = {"placement": "reference"}
LOCAL = {"placement": "local"}


class OrganizationOwned:
    """Keyed by its organization first; `id` is counted per organization, `uid` is the public name."""

    organization_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    uid: Mapped[UUID] = mapped_column(default=uuid4)


def owned_table(name: str, *more: SchemaItem) -> tuple[Any, ...]:
    """Return the `__table_args__` of an organization's table: its public name is unique and indexed."""
    return (
        UniqueConstraint("organization_id", "uid"),
        Index(f"ix_{name}_uid", "uid"),
        *more,
        {"info": ORGANIZATION},
    )


def refers_to(table: str, column: str) -> ForeignKeyConstraint:
    """Return a foreign key to another table of the same organization."""
    return ForeignKeyConstraint(["organization_id", column], [f"{table}.organization_id", f"{table}.id"])


class Counter(Model):
    """The last number drawn under a name by an organization. Drawn in the transaction that uses it."""

    __tablename__ = "counter"
    __table_args__ = ({"info": ORGANIZATION},)
    organization_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


def draw(organization_id: int, name: str, count: int = 1) -> range:
    """Return the next whole numbers of this organization and name, without gaps after a rollback."""
    return draw_each(name, {organization_id: count})[organization_id]


def draw_each(name: str, counts: Mapping[int, int]) -> dict[int, range]:
    """Return the next numbers of each organization, drawn in one statement and in the order of ids."""
    assert all(count > 0 for count in counts.values()), "drawing nothing is a mistake"
    drawn = _add_to_counters(name, counts)
    return {
        organization_id: range(last - counts[organization_id] + 1, last + 1)
        for organization_id, last in drawn.items()
    }


Owned = TypeVar("Owned", bound=OrganizationOwned)


def add_owned(organization_id: int, row: Owned) -> Owned:
    """Give a new row its organization and number, and add it to the session."""
    row.organization_id = organization_id
    row.id = draw(organization_id, type(row).__tablename__)[0]  # type: ignore[attr-defined]
    db.session.add(row)
    return row


def lock(organization_id: int, name: str) -> None:
    """Hold a row of this organization until the transaction ends, so that only one writer goes on."""
    _add_to_counters(name, {organization_id: 0})


def _add_to_counters(name: str, counts: Mapping[int, int]) -> dict[int, int]:
    table: Any = Counter.__table__
    fresh = insert_into(Counter)
    upsert = fresh.on_conflict_do_update(
        index_elements=[table.c.organization_id, table.c.name],
        set_={"last": table.c.last + fresh.excluded.last},
    ).returning(table.c.organization_id, table.c.last)
    rows = [
        {"organization_id": organization_id, "name": name, "last": counts[organization_id]}
        for organization_id in sorted(counts)
    ]
    return dict(db.session.connection().execute(upsert, rows).all())
