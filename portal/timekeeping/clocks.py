"""The one clock of the app. The database's decides; nothing else in the portal reads the host's.

A test or a pretended run puts another clock in its place. Durations are measured by `time.monotonic`.
"""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

from flask import Flask, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from portal.storage import db, probe_engine

log = logging.getLogger(__name__)
Clock = Callable[[], dt.datetime]

_NAME = "portal.clock"  # in the extensions of the app
_SAMPLED_EVERY_SECONDS = 30
_TRIED_EVERY_SECONDS = 5  # after a failure
_DATABASE_TIME = select(func.clock_timestamp())


def system_now() -> dt.datetime:
    """Return the time of this host: what the database's clock is compared with, and all that SQLite has."""
    return dt.datetime.now(dt.UTC)


class _Sample(NamedTuple):
    """The time that the database told, and the reading of the monotonic clock that belongs to it."""

    at: dt.datetime
    seconds: float


class DatabaseClock:
    """The database's clock: asked every half a minute by a process, and carried on meanwhile.

    Where the database does not answer, its last answer is carried on; where it never did, the host's clock
    is all there is.
    """

    def __init__(
        self, ask: Clock, *, host: Clock = system_now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.host = host
        self._ask = ask
        self._monotonic = monotonic
        self._sample: _Sample | None = None
        self._ask_at = monotonic()  # in its seconds
        self._asking = threading.Lock()

    def __call__(self) -> dt.datetime:
        if self._monotonic() >= self._ask_at and self._asking.acquire(blocking=self._sample is None):
            try:
                self._take_sample()
            finally:
                self._asking.release()
        sample = self._sample
        if sample is None:
            return self.host()
        return sample.at + dt.timedelta(seconds=self._monotonic() - sample.seconds)

    def exact(self) -> dt.datetime:
        """Ask the database in the running transaction."""
        return cast("dt.datetime", db.session.scalar(_DATABASE_TIME)).astimezone(dt.UTC)

    def _take_sample(self) -> None:
        seconds_before = self._monotonic()
        if seconds_before < self._ask_at:  # another thread was first
            return
        try:
            at = self._ask()
        except SQLAlchemyError as error:
            self._ask_at = self._monotonic() + _TRIED_EVERY_SECONDS
            log.warning("the database does not tell the time", extra={"reason": type(error).__name__})
            return
        seconds_after = self._monotonic()
        self._sample = _Sample(at, (seconds_before + seconds_after) / 2)
        self._ask_at = seconds_after + _SAMPLED_EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class MovedClock:
    """A clock that stands at a pretended time, in the place of the true one."""

    at: dt.datetime
    truth: Clock

    def __call__(self) -> dt.datetime:
        return self.at


def clock_of(database_url: str) -> Clock:
    """Return the clock of a database; SQLite has the host's."""
    if database_url.startswith("sqlite"):
        return system_now
    engine = probe_engine(database_url)

    def ask() -> dt.datetime:
        with engine.connect() as connection:
            return cast("dt.datetime", connection.scalar(_DATABASE_TIME)).astimezone(dt.UTC)

    return DatabaseClock(ask)


def set_clock(app: Flask, clock: Clock) -> None:
    """Make a clock the one of an app."""
    app.extensions[_NAME] = clock


def app_clock() -> Clock:
    """Return the clock of the app."""
    return cast("Clock", current_app.extensions[_NAME])


def utc_now() -> dt.datetime:
    """Return the instant, aware, in UTC; a request has one instant of its own (`web.clock.now`)."""
    return app_clock()()


def true_now() -> dt.datetime:
    """Return the instant, whatever a pretended run pretends."""
    clock = app_clock()
    return clock.truth() if isinstance(clock, MovedClock) else clock()


def exact_now() -> dt.datetime:
    """Return the instant as the database tells it within the running transaction."""
    clock = app_clock()
    return clock.exact() if isinstance(clock, DatabaseClock) else clock()
