"""The releases of `migrations/releases.toml`, oldest first."""

import tomllib
from dataclasses import dataclass
from functools import cache

from alembic.config import Config
from alembic.script import ScriptDirectory

from portal.config import ROOT


@dataclass(frozen=True)
class Release:
    """A closed issue: its commit, and the migration that its schema ends with."""

    version: str
    commit: str
    head: str


@cache
def releases() -> tuple[Release, ...]:
    listed = tomllib.loads((ROOT / "migrations" / "releases.toml").read_text())["release"]
    return tuple(Release(**each) for each in listed)


def migrations(directory: str = str(ROOT / "migrations")) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", directory)
    return ScriptDirectory.from_config(config)


def revisions(script: ScriptDirectory) -> list[str]:
    """Return the migrations in the order in which they run."""
    return [each.revision for each in reversed(list(script.walk_revisions()))]


def head_before(revision: str, order: list[str]) -> str | None:
    """Return where the schema of the newest release ends that came before a migration."""
    number = order.index(revision)
    heads = [each.head for each in releases() if order.index(each.head) < number]
    return heads[-1] if heads else None
