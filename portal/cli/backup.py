"""Backup of everything, while the portal runs, and the way back."""

from pathlib import Path

import click

from portal.backup.database_copy import backup, place_of, restore
from portal.cli.billing import group
from portal.config.seller import SettingsError
from portal.config.values import with_driver
from portal.services import settings
from portal.storage import db
from portal.timekeeping.clocks import utc_now

_FILE = click.Path(dir_okay=False, path_type=Path)


def _address(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Read where to restore to, as DATABASE_URL is read; a refusal does not repeat it."""
    del context
    try:
        return with_driver(url, f"{parameter.opts[0]} URL") if url else None
    except SettingsError as error:
        raise click.BadParameter(str(error)) from error


@group.command("backup")
@click.argument("file", type=_FILE)
def make_backup(file: Path) -> None:
    """Write the whole database, documents included, into a new FILE. The portal may go on meanwhile."""
    url = settings().database_url
    database = place_of(url)
    size = backup(url, file, settings().audit_keys, now=utc_now())
    click.echo(f"{file}: {size} bytes of {database}; `billing restore` and then `billing verify` prove it")


@group.command("restore")
@click.argument("file", type=_FILE)
@click.option("--into", metavar="URL", callback=_address, help="Another database than that of DATABASE_URL.")
@click.option("--replace", "is_replacing", is_flag=True, help="Put the database that is there aside.")
@click.option("--unsigned", "is_unsigned", is_flag=True, help="Restore what no manifest vouches for.")
def restore_backup(
    file: Path,
    into: str | None,
    is_replacing: bool,  # noqa: FBT001 - by name
    is_unsigned: bool,  # noqa: FBT001 - by name
) -> None:
    """Make the database what the backup FILE says. Stop the portal and its clock first."""
    db.session.remove()
    db.engine.dispose()
    url = into or settings().database_url
    database = place_of(url)
    click.echo(f"restoring {file} into {database}")
    keys = None if is_unsigned else settings().audit_keys
    differences = restore(url, file, keys, is_replacing=is_replacing, now=utc_now())
    for difference in differences:
        click.echo(difference)
    if differences:
        raise click.ClickException(
            f"restored into {database}, but its schema is not ours alone: look at it before starting"
        )
    there = ", with its address as DATABASE_URL" if into else ""
    click.echo(f"restored into {database}; now `db upgrade` and `billing verify`{there}")
