"""Whether the portal is up, and whether it is ready for work."""

import pytest
from sqlalchemy import text

from portal.storage import db


def test_healthz_says_that_the_process_is_up(nobody):
    response = nobody.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_readyz_says_that_the_database_is_ready(nobody):
    response = nobody.get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_a_database_of_an_older_migration_is_not_ready(nobody, migrations):
    migrations("UPDATE alembic_version SET version_num = 'older'")

    assert nobody.get("/readyz").status_code == 503


def test_a_database_that_was_never_migrated_is_not_ready(nobody, migrations):
    migrations("ALTER TABLE alembic_version RENAME TO alembic_version_gone")

    assert nobody.get("/readyz").status_code == 503


def test_healthz_says_that_the_process_is_up_without_any_migration(nobody, migrations):
    migrations("DELETE FROM alembic_version")

    assert nobody.get("/healthz").status_code == 200
    assert (
        nobody.json("/readyz", 503)["errors"][0]["message"] == "The migrations of the database are missing."
    )


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
