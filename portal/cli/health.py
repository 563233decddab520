"""How the portal is, for a person and for cron: the exit code says whether somebody is needed."""

import click

from portal.cli.billing import group
from portal.health.alert_rules import rendered
from portal.health.conditions import findings
from portal.health.present import present_facts
from portal.health.report import lines, worst


@group.command("health")
def show_health() -> None:
    """Say how the portal is: exits 0 if well, 1 if a person is needed soon, 2 if something is broken."""
    now_known = present_facts()
    for line in lines(now_known):
        click.echo(line)
    click.get_current_context().exit(worst(list(findings(now_known))))


@group.command("alert-rules")
def print_alert_rules() -> None:
    """Print the alert rules for Prometheus; their bounds are those of `billing health`."""
    click.echo(rendered(), nl=False)
