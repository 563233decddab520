"""What runs here: the version that is installed, and the schema that it needs."""

from functools import cache
from importlib.metadata import version

from alembic.script import ScriptDirectory
from flask import current_app

from portal.health.samples import Build
from portal.services import settings


@cache
def _version() -> str:
    return version("billing-portal")


@cache
def _newest_migration(directory: str) -> str:
    newest = ScriptDirectory(directory).get_current_head()
    assert newest, "there are migrations"
    return newest


def this_build() -> Build:
    """Return what this process runs."""
    schema = _newest_migration(current_app.extensions["migrate"].directory)
    return Build(_version(), settings().watch.build_commit, schema)
