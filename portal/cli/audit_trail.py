"""What the operator does about audit trails: to vouch, once, for what was written before there was a key."""

import click

from portal.cli.billing import group
from portal.ledger import audit_heads
from portal.timekeeping.clocks import utc_now


@group.command("seal-audit")
@click.option("--reason", help="Needed when it was done before; each trail keeps it.")
def seal_audit(reason: str | None) -> None:
    """Vouch for the entries of audit trails that were written without AUDIT_KEY: once, after the upgrade."""
    sealed = audit_heads.seal(now=utc_now(), reason=reason)
    click.echo(f"{sealed} audit trails had entries without the key; they are vouched for from here on")
