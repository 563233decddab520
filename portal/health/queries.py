"""What the database says about itself."""

from alembic.runtime.migration import MigrationContext

from portal.storage import db


def is_migrated(head: str) -> bool:
    """Tell whether the database has the newest migration; raises where it does not answer."""
    return MigrationContext.configure(db.session.connection()).get_current_revision() == head
