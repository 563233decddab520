"""Backup of everything, while the portal runs, and the way back."""

from pathlib import Path

import click

from portal.backup import backup, restore
from portal.cli.billing import group
from portal.services import settings
from portal.storage import db
from portal.timekeeping.clocks import utc_now

_FILE = click.Path(dir_okay=False, path_type=Path)


@group.command("backup")
@click.argument("file", type=_FILE)
def make_backup(file: Path) -> None:
    """Write the whole database, documents included, into a new FILE. The portal may go on meanwhile."""
    size = backup(settings().database_url, file)
    click.echo(f"{file}: {size} bytes; `billing restore` and then `billing verify` prove it")


@group.command("restore")
@click.argument("file", type=_FILE)
@click.option("--replace", "is_replacing", is_flag=True, help="Put the database that is there aside.")
def restore_backup(file: Path, is_replacing: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Make the database what the backup FILE says. Stop the portal and its clock first."""
    db.session.remove()
    db.engine.dispose()
    restore(settings().database_url, file, is_replacing=is_replacing, now=utc_now())
    click.echo("restored; now `flask --app wsgi db upgrade` and `flask --app wsgi billing verify`")
