"""The clock of billing, the work it could not do, and the proof of the work it did."""

import datetime as dt
import logging
from typing import IO

import click
from flask import current_app

from portal.account.directory import organization_by
from portal.cli.arguments import INSTANT, Commands, exit_if_any
from portal.cli.told_time import told_time
from portal.closing.review import approve, months_in_review
from portal.closing.verify import verify
from portal.domain.period import Month
from portal.health.listening import serve_metrics
from portal.ledger import audit_heads
from portal.scheduler import loop
from portal.scheduler.tick import tick as run_tick
from portal.services import settings
from portal.stopping import Stopping, exit_now
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from portal.web import log

logger = logging.getLogger(__name__)
group = Commands("billing")


@group.command()
@click.option("--now", type=INSTANT, default=None, help="Work at this time. Only with stand-ins.")
@click.option("--pretend", "is_pretending", is_flag=True, help="Move the clock there, and it may be ahead.")
def tick(now: dt.datetime | None, is_pretending: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Run the clock once, and say what came of each step. Any time, twice at once, after any crash.

    Exits 1 if a step failed or left something that was due; the other steps ran.
    """
    done = run_tick(told_time(now, is_pretending=is_pretending))
    for result in done.results:
        click.echo(result)
    if done.failed:
        raise click.ClickException(f"{len(done.failed)} of {len(done.results)} steps are not done")


@group.command()
@click.option(
    "--every",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="Seconds between two ticks.",
)
@click.option(
    "--stop-seconds",
    type=click.IntRange(0, 600),
    default=8,
    show_default=True,
    envvar="WORK_STOP_SECONDS",
    help="How long a step may go on when it is told to stop; then it is abandoned, and the next run does it.",
)
def work(every: int, stop_seconds: int) -> None:
    """Run the clock until a signal stops it."""
    stopping = Stopping()
    stopping.at_signals()
    log.configure(settings().log_level)
    _show_metrics()
    if settings().watch.operations_mail is None:
        logger.warning("OPERATIONS_MAIL is not set: nobody is told by mail what needs a person")
    loop.work_until_stopped(every, stopping, stop_seconds=stop_seconds)
    exit_now()


def _show_metrics() -> None:
    """Answer `/metrics` beside the clock, where a setting says so: its numbers are its own."""
    address = settings().watch.metrics_listen
    if address is None:
        return
    try:
        serve_metrics(current_app.app_context().app, address)
    except OSError as error:
        raise click.ClickException(
            f"METRICS_LISTEN: nothing can listen at {address.host}:{address.port}: {error.strerror}."
        ) from error


@group.command("verify")
@click.option(
    "--heads",
    type=click.File(errors="replace"),
    help="A log: compare the audit trails with their heads in it.",
)
def verify_bills(heads: IO[str] | None) -> None:
    """Compute every final invoice anew, compare the schema; exit 1 and say where anything differs."""
    logged = audit_heads.of_log(heads or ())
    if heads and not logged:
        raise click.ClickException(
            f"{heads.name} has no head of an audit trail: `billing work` logs them daily"
        )
    differences = 0
    for difference in verify(vat_rules=settings().vat_rules, logged=logged):
        differences += 1
        click.echo(difference)
    if differences:
        raise click.ClickException(f"{differences} differences")
    click.echo("every invoice is what was metered")


@group.command("parked")
def list_parked() -> None:
    """List the months that wait because they look wrong, with the reason; exits 4 if there are any."""
    waiting = months_in_review()
    for organization, month in waiting:
        click.echo(f"{organization.number}  {month.period}  {organization.name}: {month.reason}")
    exit_if_any(waiting)


@group.command("release")
@click.argument("organization")
@click.argument("period")
def release_parked(organization: str, period: str) -> None:
    """Let a parked month of an organization be closed by the next run, whatever it looks like."""
    try:
        approve(organization_by(organization), Month.parse(period), now=utc_now())
    except ValueError as error:
        raise click.ClickException(f"{period} is not a month such as 2026-01") from error
    db.session.commit()
