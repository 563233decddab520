"""Whether the portal is up, and whether it is ready for work."""

import pytest
from alembic.script import ScriptDirectory
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from portal.config import ROOT
from portal.health import readiness
from portal.storage import db


def test_healthz_says_that_the_process_is_up(nobody):
    response = nobody.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_readyz_says_that_the_database_is_ready(nobody):
    response = nobody.get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("revision", ["0001", "older"])
def test_a_database_of_an_older_migration_is_not_ready(nobody, migrations, revision):
    migrations(f"UPDATE alembic_version SET version_num = '{revision}'")

    assert f"The database is at migration {revision}, and the code needs" in reason(nobody)


def test_a_database_that_the_next_release_has_migrated_already_is_ready(nobody, migrations):
    migrations("UPDATE alembic_version SET version_num = '9000'")

    assert nobody.get("/readyz").json == {"status": "ok"}


def test_a_database_that_does_not_answer_is_not_ready(nobody, monkeypatch):
    nowhere = create_engine("sqlite:////nowhere/portal.sqlite")
    monkeypatch.setattr(readiness, "_probe_of", lambda _: nowhere)

    assert nobody.get("/healthz").status_code == 200
    assert reason(nobody) == "The database does not answer."
    assert nobody.get("/readyz").headers["Retry-After"] == "10"


def test_readiness_is_told_while_every_connection_of_the_pool_is_in_use(app):
    db.session.remove()
    taken = [db.engine.raw_connection() for _ in range(db.engine.pool.size() + db.engine.pool._max_overflow)]
    with app.app_context():  # a client that checks pages would want a connection itself
        answer = FlaskClient(app, app.response_class).get("/readyz")
    for connection in taken:
        connection.close()

    assert answer.status_code == 200


def test_migrations_are_numbered_in_their_order():
    steps = [step.revision for step in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()]

    assert all(revision.isdigit() for revision in steps)
    assert steps == sorted(steps, reverse=True)


def test_a_database_that_was_never_migrated_is_not_ready(nobody, migrations):
    migrations("ALTER TABLE alembic_version RENAME TO alembic_version_gone")

    assert reason(nobody) == "The migrations of the database are missing."


def test_healthz_says_that_the_process_is_up_without_any_migration(nobody, migrations):
    migrations("DELETE FROM alembic_version")

    assert nobody.get("/healthz").status_code == 200
    assert reason(nobody) == "The migrations of the database are missing."


def reason(client) -> str:
    """Return why the portal is not ready: in JSON, whatever was asked for."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    return answer.json["errors"][0]["message"]


@pytest.fixture
def migrations(app):
    """Change what the database says about its migrations, and put it back."""
    head = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    db.session.commit()

    def change(statement):
        with db.engine.begin() as connection:
            connection.execute(text(statement))

    yield change
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version_gone"))
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
