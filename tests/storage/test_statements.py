"""Statements on many rows: both databases count, change and keep alike."""

import pytest
from sqlalchemy import select

from portal.models import Throttle
from portal.storage import change, db, insert_into, remove
from tests.factories import NOW


@pytest.fixture
def keys(app) -> list[str]:
    names = ["a", "b", "c"]
    db.session.add_all([Throttle(key=name, tries=1, began_at=NOW) for name in names])
    db.session.flush()
    return names


def test_an_insert_that_conflicts_can_be_skipped(keys):
    row = {"key": "a", "tries": 9, "began_at": NOW}
    statement = insert_into(Throttle).values(row).on_conflict_do_nothing()

    assert db.session.execute(statement.returning(Throttle.key)).all() == []


def test_an_insert_that_conflicts_can_change_the_row(keys):
    row = {"key": "a", "tries": 9, "began_at": NOW}
    statement = insert_into(Throttle, db.session.connection()).values(row)
    changed = statement.on_conflict_do_update(index_elements=[Throttle.key], set_={"tries": 9})

    assert db.session.scalar(changed.returning(Throttle.tries)) == 9


def test_an_update_says_how_many_rows_it_changed(keys):
    assert change(Throttle, Throttle.key != "a", tries=5) == 2
    assert sorted(db.session.execute(select(Throttle.key, Throttle.tries)).all()) == [
        ("a", 1),
        ("b", 5),
        ("c", 5),
    ]


def test_a_delete_says_how_many_rows_it_removed(keys):
    assert remove(Throttle, Throttle.key == "a") == 1
    assert remove(Throttle, Throttle.key == "a") == 0
    assert sorted(db.session.scalars(select(Throttle.key))) == ["b", "c"]
