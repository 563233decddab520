"""Work that waits in a table: one queue for every room, with leases, and a back-off after failures.

A worker claims a row in a short transaction, does the work outside of any, and writes the result in
another. It may be killed anywhere: its lease runs out, and the row is due again. A row that fails waits
ever longer and holds up no other.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Integer, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from portal.storage.database import Model, db
from portal.storage.statements import change

_DOUBLINGS_MAX = 16  # far beyond the longest wait, and short of an overflow
_WAIT_MAX = dt.timedelta(days=2)  # far beyond the longest back-off


class Leased(Model):
    """The columns of a table whose rows wait to be worked on.

    `attempts` counts failures; `next_attempt_at` and `leased_until` are None where nothing has to be waited
    for.
    """

    __abstract__ = True

    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[dt.datetime | None]
    leased_until: Mapped[dt.datetime | None]
    last_error: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long a row waits after a failure: `first`, then twice as long each time, `longest` at most."""

    first: dt.timedelta
    longest: dt.timedelta

    def after(self, failures: int) -> dt.timedelta:
        """Return the wait after the first failure (0), the second (1), and so on."""
        doublings = min(failures, _DOUBLINGS_MAX)
        return min(self.first * (1 << doublings), self.longest)


class Backlog(NamedTuple):
    """The rows of a queue that wait, how many of them have failed before, and since when the oldest waits."""

    waiting: int
    failed: int
    oldest_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class LeaseQueue:
    """The rows of one table that are `open`, taken one at a time for `lease`.

    The lease is longer than the work on one row can take. `row` is the condition that names one row. Each
    function is part of its caller's transaction.
    """

    table: type[Leased]
    is_open: ColumnElement[bool]
    lease: dt.timedelta

    def backlog(self, since: InstrumentedAttribute[dt.datetime]) -> Backlog:
        """Return what waits; `since` is the instant at which a row began to."""
        failed = func.count().filter(self.table.attempts > 0)
        query = select(func.count(), failed, func.min(since)).select_from(self.table).where(self.is_open)
        return Backlog(*db.session.execute(query).one())

    def is_due(self, at: dt.datetime) -> ColumnElement[bool]:
        """Return the condition of a row that is open, not leased, and past its back-off."""
        return self.is_open & self.is_in_time(at)

    def is_in_time(self, at: dt.datetime) -> ColumnElement[bool]:
        """Return the condition of a row that is not leased and past its back-off.

        An instant beyond any lease and back-off was written by a clock that was wrong, and holds up nothing.
        """
        never = at + _WAIT_MAX
        return and_(
            *(
                or_(until.is_(None), until <= at, until > never)
                for until in (self.table.next_attempt_at, self.table.leased_until)
            )
        )

    def claim(self, row: ColumnElement[bool], at: dt.datetime, **values: object) -> dt.datetime | None:
        """Take a row that is due and return until when, or None: another worker has it, or it is done."""
        until = at + self.lease
        return until if self.write(row & self.is_due(at), leased_until=until, **values) else None

    def give_back(self, row: ColumnElement[bool], leased_until: dt.datetime, **values: object) -> bool:
        """End a lease and write a result; False where the lease ran out and another worker has the row."""
        own = row & self.is_open & (self.table.leased_until == leased_until)
        return self.write(own, leased_until=None, **values) == 1

    def write(self, where: ColumnElement[bool], **values: object) -> int:
        """Change the rows that match, now; return how many did."""
        count = change(self.table, where, **values)
        db.session.expire_all()  # rows that were read before may say otherwise
        return count
