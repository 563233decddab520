"""Whether this process can do its work: its database answers, and its schema is not behind the code.

A schema that is ahead is no reason to stop: the release before can live with what a release adds, so that an
upgrade is without a gap. The look has a connection and short bounds of its own, whatever the pages wait for.
"""

import logging
from functools import cache

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.errors import ProviderUnavailableError
from portal.storage import probe_engine

log = logging.getLogger(__name__)
_probe_of = cache(probe_engine)


class NotReadyError(ProviderUnavailableError):
    """The portal is not ready."""


def is_behind(revision: str | None, needed: str) -> bool:
    """Tell whether a schema is older than the code needs; migrations are numbered in their order."""
    return revision is None or not revision.isdigit() or int(revision) < int(needed)


def refuse_unready(database_url: str, needed: str) -> None:
    """Raise NotReadyError with the reason, if any; `needed` is the newest migration of the code."""
    revision = _revision_of(_probe_of(database_url))
    if revision is None:
        raise NotReadyError("The migrations of the database are missing.")
    if is_behind(revision, needed):
        raise NotReadyError(f"The database is at migration {revision}, and the code needs {needed}.")


def _revision_of(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        log.warning("not ready: the database does not answer", extra={"reason": str(error)})
        raise NotReadyError("The database does not answer.") from error
