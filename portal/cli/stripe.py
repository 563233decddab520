"""What Stripe told us and what we still have to look at."""

from __future__ import annotations

import datetime as dt

import click

from portal.cli.arguments import Commands, Instant
from portal.services import stripe, utc_now

group = Commands("stripe", help="Settle what Stripe tells, and find out what it could not tell.")


@group.command()
@click.option("--all", "is_whole", is_flag=True, help="Compare every customer, not only those with news.")
@click.option("--now", type=Instant(), default=None, help="Pretend it is this time.")
def reconcile(is_whole: bool, now: dt.datetime | None) -> None:  # noqa: FBT001 -- as click passes it
    """Catch up after an outage: the events we were not told, or every customer. Run it daily."""
    from portal.webhooks import steps

    done = steps.reconcile(stripe=stripe(), now=now or utc_now(), is_whole=is_whole)
    click.echo(f"{done.events} events were new; {done.compared} organizations compared")
    if done.failed:
        raise click.ClickException(f"{done.failed} organizations could not be compared")


@group.command()
@click.option("--now", type=Instant(), default=None, help="Pretend it is this time.")
def work(now: dt.datetime | None) -> None:
    """Settle once what is due. `billing work` does so every second."""
    from portal.webhooks import steps

    done = steps.work_off(stripe=stripe(), now=now or utc_now())
    click.echo(f"{done.settled} settled, {done.postponed} postponed")


@group.command()
def events() -> None:
    """List what is not settled yet: since when, how often it was tried, and why it failed."""
    from portal.payment_methods import queue

    for event in queue.waiting():
        failed = f"  tried {event.attempts} times: {event.last_error}" if event.attempts else ""
        click.echo(f"{event.received_at:%Y-%m-%d %H:%M}  {event.event_id}  {event.type}{failed}")
