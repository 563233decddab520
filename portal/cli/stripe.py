"""The events of Stripe, and those that are still to be processed."""

import datetime as dt

import click

from portal.cli.arguments import INSTANT, Commands
from portal.cli.told_time import told_time
from portal.payment_methods import queue
from portal.services import stripe
from portal.webhooks import steps

group = Commands("stripe")


@group.command()
@click.option("--all", "is_whole", is_flag=True, help="Compare every customer, not only those with news.")
@click.option("--now", type=INSTANT, default=None, help="Work at this time. Only with stand-ins.")
def reconcile(is_whole: bool, now: dt.datetime | None) -> None:  # noqa: FBT001 -- as click passes it
    """Catch up after an outage: the events we were not told, or every customer. Run it daily."""
    done = steps.reconcile(stripe=stripe(), now=told_time(now), is_whole=is_whole)
    click.echo(f"{done.events} events were new; {done.compared} organizations compared")
    if done.failed:
        raise click.ClickException(f"{done.failed} organizations could not be compared")


@group.command()
@click.option("--now", type=INSTANT, default=None, help="Work at this time. Only with stand-ins.")
def work(now: dt.datetime | None) -> None:
    """Process once the events that are due. `billing work` does so every second."""
    processed = steps.process_events(stripe=stripe(), now=told_time(now))
    click.echo(f"{processed.done} done, {processed.to_retry} to retry")


@group.command()
def events() -> None:
    """List the events that are not done yet: since when, how often it was tried, and why it failed."""
    for event in queue.waiting():
        failed = f"  tried {event.attempts} times: {event.last_error}" if event.attempts else ""
        click.echo(f"{event.received_at:%Y-%m-%d %H:%M}  {event.event_id}  {event.type}{failed}")
