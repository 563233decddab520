"""Changes that the database refuses, made as somebody with its keys could."""

import sqlite3
from contextlib import closing

from portal.storage import db


def past_the_triggers(*statements: str) -> None:
    """Run statements past triggers and foreign keys, and leave the triggers as they were."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        with db.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                connection.exec_driver_sql(statement)
        return
    with closing(sqlite3.connect(db.engine.url.database)) as raw, raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for statement in (*(f"DROP TRIGGER {name}" for name, _ in triggers), *statements):
            raw.execute(statement)
        for _, sql in triggers:
            raw.execute(sql)
