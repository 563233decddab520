"""The clock that billing goes by: what it says, whether it is trusted, and an operator's word for it."""

import datetime as dt
import os
import pwd

import click
from flask.cli import with_appcontext

from portal.cli.arguments import LINE, exit_if_any
from portal.cli.billing import group
from portal.timekeeping.fence import ClockFacts, accept_clock, clock_facts


@group.group("clock", invoke_without_command=True)
@click.pass_context
@with_appcontext
def clock(context: click.Context) -> None:
    """Say what the clocks say, and whether they are trusted; exits 4 if they are not."""
    if context.invoked_subcommand is None:
        facts = clock_facts()
        _show(facts)
        exit_if_any([facts.distrust] if facts.distrust else [])


@clock.command()
@click.option("--reason", type=LINE, required=True, help="What was looked at, and why the clock is right.")
def accept(reason: str) -> None:
    """Go on by the database's clock after a jump. Look first: what is closed and delivered stays."""
    _show(accept_clock(by=operator(), reason=reason))


def operator() -> str:
    """Return who gives a command, as the system knows it."""
    given = os.environ.get("SUDO_USER") or os.environ.get("BILLING_OPERATOR")
    try:
        return given or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"user {os.getuid()}"


def _show(facts: ClockFacts) -> None:
    click.echo(f"database   {_second(facts.now)}")
    if facts.host_ahead is not None:
        click.echo(f"this host  {_second(facts.now + facts.host_ahead)}")
    click.echo(f"last seen  {_second(facts.seen_at) if facts.seen_at else 'never'}")
    click.echo(facts.distrust or "The clock is trusted.")


def _second(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
