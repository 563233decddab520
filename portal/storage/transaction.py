"""Short transactions around a provider's call: none is open while the provider thinks."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from portal.storage.database import db, is_reading, reading, set_reading

log = logging.getLogger(__name__)


@contextmanager
def read_transaction() -> Iterator[None]:
    """Read in a short transaction of its own, over before a provider is asked: nothing stays locked."""
    db.session.commit()
    with reading():
        yield
        db.session.commit()


@contextmanager
def write_transaction() -> Iterator[None]:
    """Write in a short transaction of its own, and go on as before."""
    db.session.commit()
    was_reading = is_reading()
    set_reading(is_reading=False)
    try:
        yield
        db.session.commit()
    finally:
        db.session.rollback()
        set_reading(is_reading=was_reading)


def abandon_transaction() -> None:
    """End the transaction without effect, even where its connection is lost: that one is thrown away."""
    try:
        db.session.rollback()
    except SQLAlchemyError:
        log.warning("a connection to the database is lost", exc_info=True)
        db.session().invalidate()
