"""The time that a command works at: the clock's, or one that it is told where all is stand-ins."""

import datetime as dt

import click
from flask import current_app

from portal.services import settings
from portal.timekeeping.clocks import MovedClock, app_clock, set_clock, utc_now


def told_time(now: dt.datetime | None, *, is_pretending: bool = False) -> dt.datetime:
    """Return the time to work at, or raise UsageError; pretending moves the clock of this process there."""
    if now is None:
        if is_pretending:
            raise click.UsageError("--pretend moves the clock to the time of --now: say both.")
        return utc_now()
    _refuse_without_stand_ins()
    if is_pretending:
        set_clock(current_app, MovedClock(now, app_clock()))
    elif now > utc_now():
        raise click.UsageError(
            f"{now:%Y-%m-%d %H:%M} UTC is later than the clock, {utc_now():%Y-%m-%d %H:%M} UTC:"
            " --pretend goes there all the same."
        )
    return now


def _refuse_without_stand_ins() -> None:
    if not settings().allows_stand_ins:
        raise click.UsageError("PORTAL_ENV=production has the database's time and no other: leave out --now.")
    if not settings().easybill.is_sandbox:
        raise click.UsageError("--now needs the stand-in of EasyBill: a document at the real one stays.")
