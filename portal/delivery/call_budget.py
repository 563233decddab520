"""The budget of calls to a provider, counted in our database: all processes together keep within it.

It has connections of its own: a call is counted whatever becomes of the work around it, and is made
outside of any transaction.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

from portal.gateways.call_budget import Budget, milliseconds_to_wait, recent
from portal.models import CallBudget
from portal.storage import engine_options, insert_into

_PAUSE_SECONDS_MAX = 3600  # after a longer pause the provider is asked again
_MILLISECOND = dt.timedelta(milliseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SharedBudget(Budget):
    """So many calls in any sixty seconds, by all processes that use this database."""

    def __init__(
        self, name: str, database_url: str, calls_per_minute: int, clock: Callable[[], dt.datetime]
    ) -> None:
        self._name = name
        self._database_url = database_url
        self._calls_per_minute = calls_per_minute
        self._clock = clock
        self._engine: Engine | None = None
        self._making_engine = threading.Lock()

    def spend(self) -> int:
        with self._row() as (connection, called_at, paused_until):
            at = self._now()
            calls = recent(called_at, at)
            milliseconds = milliseconds_to_wait(calls, paused_until, at, self._calls_per_minute)
            if not milliseconds:
                self._write(connection, called_at=[*calls, at])
            return milliseconds

    def pause(self, seconds: int) -> None:
        with self._row() as (connection, _, paused_until):
            until = self._now() + min(seconds, _PAUSE_SECONDS_MAX) * 1000
            self._write(connection, paused_until=max(paused_until, until))

    def _now(self) -> int:
        return (self._clock() - _EPOCH) // _MILLISECOND

    @contextmanager
    def _row(self) -> Iterator[tuple[Connection, list[int], int]]:
        """Hold the row until the block ends; a pause far beyond an hour is of a clock that was wrong."""
        with self._connected().begin() as connection:
            fresh = insert_into(CallBudget, connection).values(name=self._name, called_at=[], paused_until=0)
            connection.execute(fresh.on_conflict_do_nothing())
            query = select(CallBudget.called_at, CallBudget.paused_until).where(CallBudget.name == self._name)
            called_at, paused_until = connection.execute(query.with_for_update()).one()
            horizon = self._now() + _PAUSE_SECONDS_MAX * 1000
            yield connection, called_at, paused_until if paused_until <= horizon else 0

    def _connected(self) -> Engine:
        with self._making_engine:
            if self._engine is None:
                options = engine_options(self._database_url)
                options.pop("pool_pre_ping", None)
                self._engine = create_engine(self._database_url, poolclass=NullPool, **options)
            return self._engine

    def _write(self, connection: Connection, **values: object) -> None:
        connection.execute(update(CallBudget).where(CallBudget.name == self._name).values(**values))
