"""Bringing usage in."""

from pathlib import Path

import click

from portal.account.directory import organization_by
from portal.cli.arguments import Commands
from portal.metering.importing import import_focus
from portal.timekeeping.clocks import utc_now

group = Commands("usage")


@group.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--organization", required=True, help="Its customer number or id.")
def import_usage(files: tuple[Path, ...], organization: str) -> None:
    """Import hourly usage from FOCUS cost-and-usage files; all parts of one export together."""
    customer = organization_by(organization)
    done = import_focus(customer, files, _report, now=utc_now())
    click.echo(f"{done.rows} rows read, {done.metered} metered, {done.rounded} rounded to 1e-9")
    written = done.written
    click.echo(
        f"entries: {written.new} new, {written.same} same, {written.replaced} replaced,"
        f" {written.corrections} corrections of invoiced months"
    )
    for reason, count in sorted(done.refused.items()):
        click.echo(f"not metered: {count} × {reason}")


def _report(position: str, reason: str) -> None:
    click.echo(f"{position}: {reason}", err=True)
