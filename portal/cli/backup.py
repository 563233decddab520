"""Backup of everything, while the portal runs, and the way back."""

from pathlib import Path

import click

from portal.backup.database_copy import backup, restore
from portal.cli.billing import group
from portal.services import settings
from portal.storage import db
from portal.timekeeping.clocks import utc_now

_FILE = click.Path(dir_okay=False, path_type=Path)


@group.command("backup")
@click.argument("file", type=_FILE)
def make_backup(file: Path) -> None:
    """Write the whole database, documents included, into a new FILE. The portal may go on meanwhile."""
    size = backup(settings().database_url, file, settings().audit_keys, now=utc_now())
    click.echo(f"{file}: {size} bytes; `billing restore` and then `billing verify` prove it")


@group.command("restore")
@click.argument("file", type=_FILE)
@click.option("--replace", "is_replacing", is_flag=True, help="Put the database that is there aside.")
@click.option("--unsigned", "is_unsigned", is_flag=True, help="Restore what no manifest vouches for.")
def restore_backup(file: Path, is_replacing: bool, is_unsigned: bool) -> None:  # noqa: FBT001 - by name
    """Make the database what the backup FILE says. Stop the portal and its clock first."""
    db.session.remove()
    db.engine.dispose()
    keys = None if is_unsigned else settings().audit_keys
    differences = restore(settings().database_url, file, keys, is_replacing=is_replacing, now=utc_now())
    for difference in differences:
        click.echo(difference)
    if differences:
        raise click.ClickException("restored, but its schema is not ours alone: look at it before starting")
    click.echo("restored; now `flask --app wsgi db upgrade` and `flask --app wsgi billing verify`")
