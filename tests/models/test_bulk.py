import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal.models import UsageDay
from portal.models.bulk import insert_rows
from portal.storage import db

ROW = {"organization_id": 1, "day": 20_000, "subscription_id": 1, "quantity_nano": 7}


@pytest.fixture
def stranger(app, backend):
    """Another connection, which may end ours."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server to lose")
    with db.engine.connect() as connection:
        yield connection


def test_rows_of_a_bulk_insert_are_there_once_committed(app):
    insert_rows(UsageDay, [ROW])
    db.session.commit()

    assert db.session.scalar(db.select(UsageDay.quantity_nano)) == 7


def test_a_server_lost_during_a_bulk_insert_is_a_database_error_and_the_next_run_goes_on(stranger):
    pid = db.session.scalar(text("SELECT pg_backend_pid()"))
    stranger.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    with pytest.raises(OperationalError, match="COPY usage_day"):
        insert_rows(UsageDay, [ROW])
    db.session.rollback()
    insert_rows(UsageDay, [ROW])
    db.session.commit()
