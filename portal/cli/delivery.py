"""The operator's view of deliveries: which legal documents do not go through, why, and another try."""

import click

from portal.account.directory import organization_by
from portal.cli.arguments import exit_if_any
from portal.cli.billing import group
from portal.delivery.outbox import retry_stuck, undelivered
from portal.models import Delivery


@group.command("stuck")
def list_stuck() -> None:
    """List the invoices whose legal document has failed, and what happens next; exits 4 if there are any."""
    waiting = undelivered()
    for organization, invoice in waiting:
        state = "stuck"
        if invoice.delivery != Delivery.STUCK:
            assert invoice.next_attempt_at, "what has failed is tried again at some time"
            state = f"again at {invoice.next_attempt_at:%Y-%m-%d %H:%M} UTC"
        click.echo(
            f"{organization.number}  {invoice.period}  {organization.name}: {state}, tried"
            f" {invoice.attempts} times: {invoice.last_error}"
        )
    exit_if_any(waiting)


@group.command("retry")
@click.argument("organization", required=False)
@click.option("--all", "is_all", is_flag=True, help="Of every organization.")
def retry(organization: str | None, is_all: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Let the stuck invoices of an organization try again in the next run, once their reason is removed."""
    if is_all == bool(organization):
        raise click.UsageError("Name an organization, or say --all.")
    if organization:
        ids = {organization_by(organization).id}
    else:
        ids = {each.id for each, invoice in undelivered() if invoice.delivery == Delivery.STUCK}
    freed = sum(retry_stuck(organization_id) for organization_id in sorted(ids))
    click.echo(f"{freed} invoices are tried again by the next run")
