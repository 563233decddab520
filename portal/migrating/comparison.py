"""Compares the objects of a database with those that the migrations make, which `objects.json` lists.

A trigger that somebody planted, and one that somebody took away, are both found.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from portal.migrating.objects import Objects, objects_of, version_of

EXPECTED = Path(__file__).with_name("objects.json")
# What acts by itself: at home in no schema but ours, whichever migration it ends with.
_ACTING = ("trigger ", "function ", "rule ", "policy ", "event trigger ", "view ")


@cache
def _expected() -> Mapping[str, Any]:
    """Return the head that the list is of, and its objects by database."""
    listed: Mapping[str, Any] = json.loads(EXPECTED.read_text())
    return listed


def schema_differences(connection: Connection) -> Iterator[str]:
    """Yield a sentence for each object that is not what the migrations make.

    Of a schema that ends with another migration only what acts by itself and is not ours is told.
    """
    expected: Objects = _expected()[connection.dialect.name]
    actual = objects_of(connection)
    is_comparable = is_current(connection)
    for name in sorted(actual.keys() - expected.keys()):
        if is_comparable or name.startswith(_ACTING):
            yield f"schema: no migration makes {name}"
    if not is_comparable:
        return
    for name in sorted(expected.keys() - actual.keys()):
        yield f"schema: {name} is missing"
    for name in sorted(expected.keys() & actual.keys()):
        if expected[name] != actual[name]:
            yield f"schema: {name} is not as the migrations make it: {actual[name]}"


def is_current(connection: Connection) -> bool:
    """Tell whether a schema ends with the migration that the list is of."""
    return bool(version_of(connection) == _expected()["head"])
