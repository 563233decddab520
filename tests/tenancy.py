"""Watches every statement of a request: a table of organizations is never asked without this organization.

A query that forgets it would show everybody's rows, and most tests would not notice.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy
from sqlalchemy import Alias, BindParameter, Delete, Select, Table, Tuple, Update
from sqlalchemy.engine import Engine
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression

from portal.access import tenancy
from portal.models.owned import ORGANIZATION

_COLUMN = "organization_id"
_ORGANIZATION = "organization"


class UnscopedQueryError(AssertionError):
    """A statement asks a table of organizations without saying which."""


def watch() -> None:
    """Look at every statement of this process from now on."""
    sqlalchemy.event.listen(Engine, "before_execute", _look)


def _look(connection: Any, statement: Any, several: Any, given: Any, options: Any) -> None:
    mine = tenancy._only.get()
    if mine is not None and isinstance(statement, Select | Update | Delete):
        check(statement, mine, list(several) or [given or {}])


def check(statement: Any, mine: int, given: list[dict[str, Any]]) -> None:
    """Raise UnscopedQueryError unless each table of organizations is asked for this one alone."""
    bound: set[str] = set()
    pairs: list[set[str]] = []
    for each in visitors.iterate(statement):
        if isinstance(each, BinaryExpression):
            both = (each.left, each.right)
            owners = {place for side in both for owner in _owners(side) for place in _places(owner)}
            parameter = next((side for side in both if isinstance(side, BindParameter)), None)
            if owners and parameter is not None:
                numbers = {number for some in given for number in _asked(each.left, parameter, some)}
                if owners == {_ORGANIZATION} and numbers != {mine}:
                    continue  # who an organization is may be asked; its rows are then not bound
                bound |= owners
                if numbers - {mine}:
                    raise UnscopedQueryError(f"another organization than {mine} is asked for:\n{statement}")
            pairs.append(owners)
    for _ in pairs:  # a table joined to one that is bound is bound too
        bound |= {place for pair in pairs if pair & bound for place in pair}
    for table in _owned_tables(statement):
        if table not in bound:
            raise UnscopedQueryError(f"{table} is asked without its organization:\n{statement}")


def _asked(left: Any, parameter: Any, given: dict[str, Any]) -> list[Any]:
    """Return the organizations that a comparison with a parameter asks for."""
    value = given.get(parameter.key, parameter.value)
    if isinstance(left, Tuple):
        (place,) = [n for n, part in enumerate(left.clauses) if part.name == _COLUMN]
        return [row[place] for row in value]
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _owners(side: Any) -> list[Any]:
    """Return the columns on one side of a comparison that say whose a row is."""
    parts = list(side.clauses) if isinstance(side, Tuple) else [side]
    return [part for part in parts if getattr(part, "name", "") == _COLUMN or _is_organization(part)]


def _is_organization(part: Any) -> bool:
    """Tell the key of the organization itself, to which its tables may be joined."""
    table = getattr(part, "table", None)
    return getattr(part, "name", "") == "id" and str(getattr(table, "name", "")) == _ORGANIZATION


def _places(column: Any) -> set[str]:
    """Return the names of the tables, or of their parts, that a column is of."""
    tables = [getattr(each, "table", None) for each in (column, *column.base_columns)]
    return {str(table.name) for table in tables if table is not None}


def _owned_tables(statement: Any) -> Iterator[str]:
    for each in visitors.iterate(statement):
        table = each.element if isinstance(each, Alias) else each
        if isinstance(table, Table) and table.info == ORGANIZATION:
            yield str(each.name)
