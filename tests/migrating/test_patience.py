"""An upgrade waits for a lock in short tries, says for what, gives up at last, and runs one at a time."""

import flask_migrate
import pytest
from sqlalchemy import event, text

from portal import migrating
from portal.migrating import patience
from portal.storage import db
from tests.upgrade.releases import migrations, revisions

ADD = "op.execute('ALTER TABLE throttle ADD COLUMN extra INTEGER')"
HOLD = {"sqlite": "DELETE FROM throttle", "postgresql": "LOCK TABLE throttle IN SHARE MODE"}


@pytest.fixture
def schema(fresh, monkeypatch):
    """The portal's schema in a database that answers at once when it is locked."""
    flask_migrate.upgrade()
    db.engine.dispose()
    monkeypatch.setattr(migrating, "LONGEST_LOCK", "50ms")
    if fresh.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=50"))
    return db.engine


def version():
    with db.engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def test_an_upgrade_waits_for_a_lock_and_says_what_for(schema, one_more, monkeypatch, capsys):
    with schema.connect() as other:
        other.execute(text(HOLD[schema.dialect.name]))
        monkeypatch.setattr(patience.time, "sleep", lambda _: other.rollback())
        flask_migrate.upgrade(directory=one_more(ADD))
    assert version() == "9999"
    said = capsys.readouterr().err
    if schema.dialect.name == "postgresql":
        assert "try 1 of 60: ALTER TABLE throttle ADD COLUMN extra INTEGER; held by process" in said
        assert "idle in transaction" in said
        assert HOLD["postgresql"] in said
    else:
        assert said == "waiting for a lock, try 1 of 60: another process writes to the database\n"


def test_an_upgrade_gives_up_with_a_sentence_and_leaves_the_schema_as_it_was(schema, one_more, monkeypatch):
    tries = []
    monkeypatch.setattr(patience.time, "sleep", tries.append)
    monkeypatch.setattr(patience, "_TRIES_MAX", 2)
    before = version()
    with schema.connect() as other:
        other.execute(text(HOLD[schema.dialect.name]))
        with pytest.raises(SystemExit):  # Flask-Migrate logs the sentence of a RuntimeError and exits with 1
            flask_migrate.upgrade(directory=one_more(ADD))
        other.rollback()
    assert len(tries) == 1
    assert version() == before


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_second_upgrade_waits_for_the_first_and_finds_nothing_to_do(schema, monkeypatch, capsys):
    flask_migrate.downgrade(revision=revisions(migrations())[-2])
    with schema.connect() as first:
        assert patience._try_lock(first)
        monkeypatch.setattr(patience.time, "sleep", lambda _: first.invalidate())
        flask_migrate.upgrade()
    assert "another upgrade is running, try 1 of 60" in capsys.readouterr().err
    assert version() == revisions(migrations())[-1]


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_a_step_that_is_done_stays_done_when_the_next_one_fails(schema, one_more):
    flask_migrate.downgrade(revision=revisions(migrations())[-2])
    with pytest.raises(ZeroDivisionError):
        flask_migrate.upgrade(directory=one_more("1 / 0"))
    assert version() == revisions(migrations())[-1]
