"""An index of a table with rows is built beside its writers, and a build that broke off is made good."""

import flask_migrate
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from portal.storage import db

INDEX = "migrating.create_index('ix_throttle_tries', 'throttle', ['tries'], unique=True, where='tries > 0')"


def run(statement: str):
    with db.engine.begin() as connection:
        return connection.execute(text(statement))


def indexes_of_throttle():
    with db.engine.connect() as connection:
        return [each["name"] for each in inspect(connection).get_indexes("throttle")]


def test_an_index_is_made_on_a_table_that_is_there_and_once(fresh, one_more):
    flask_migrate.upgrade()
    flask_migrate.upgrade(directory=one_more(INDEX))
    assert indexes_of_throttle() == ["ix_throttle_tries"]


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_an_index_whose_build_broke_off_is_built_anew(fresh, one_more):
    flask_migrate.upgrade()
    run("INSERT INTO throttle (key, tries, began_at) VALUES ('a', 1, now()), ('b', 1, now())")
    with pytest.raises(IntegrityError):
        flask_migrate.upgrade(directory=one_more(INDEX))
    is_valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_throttle_tries')"
    with db.engine.connect() as connection:
        assert connection.execute(text(is_valid)).scalar() is False

    run("DELETE FROM throttle WHERE key = 'b'")
    flask_migrate.upgrade(directory=one_more(INDEX))
    with db.engine.connect() as connection:
        assert connection.execute(text(is_valid)).scalar() is True


def test_an_index_is_dropped_beside_the_readers_of_its_table(fresh, one_more):
    flask_migrate.upgrade()
    flask_migrate.upgrade(
        directory=one_more(f"{INDEX}; migrating.drop_index('ix_throttle_tries', 'throttle')")
    )
    assert indexes_of_throttle() == []
