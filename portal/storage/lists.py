"""Lists read a slice at a time, the newest first."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from portal.domain.slices import Key, Part, Slice
from portal.storage.database import db

Row = TypeVar("Row")


def newest_first(
    query: Select[Row], page_slice: Slice, *columns: InstrumentedAttribute[Part]
) -> tuple[Sequence[Row], Key | None]:
    """Return the rows of a slice and the key of the next; `columns` of the row are its sort key."""
    if page_slice.after is not None:
        query = query.where(tuple_(*columns) < tuple_(*page_slice.after))
    query = query.order_by(*(column.desc() for column in columns)).limit(page_slice.rows_to_read)
    rows = db.session.scalars(query).all()
    return page_slice.cut(rows, lambda row: tuple(getattr(row, column.key) for column in columns))
