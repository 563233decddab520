"""The fence before what cannot be undone: hours, invoices and documents need a clock that can be trusted.

The database's clock is compared with the host's, and with itself as it was seen last. A jump is remembered
and stops billing until an operator accepts it. A pretended time is none of the fence's concern.
"""

import datetime as dt
import logging
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.errors import BillingError, ConflictError
from portal.models import ClockAcceptance, ClockState
from portal.storage import db, insert_into, write_transaction
from portal.timekeeping.clocks import DatabaseClock, MovedClock, app_clock, exact_now

log = logging.getLogger(__name__)

HOSTS_DIFFER_MAX = dt.timedelta(minutes=5)
BACK_MAX = dt.timedelta(minutes=5)
FORWARD_MAX = dt.timedelta(days=40)


class ClockNotTrustedError(BillingError):
    """The clock cannot be trusted: nothing is metered, closed or delivered."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The database's clock, by how much the host's is ahead of it, and what was made of earlier readings.

    `host_ahead` is None where there is no second clock; `seen_at` is None before the first look.
    """

    now: dt.datetime
    host_ahead: dt.timedelta | None
    seen_at: dt.datetime | None
    stopped_at: dt.datetime | None
    stopped_because: str | None

    @property
    def is_stopped(self) -> bool:
        """Tell whether an operator has to accept a jump."""
        return self.stopped_because is not None

    @property
    def distrust(self) -> str | None:
        """Say in one sentence why nothing is metered, closed or delivered; None if the clock is trusted."""
        if self.stopped_because is not None:
            return (
                f"{self.stopped_because} Nothing is metered, closed or delivered until an operator looked at"
                " the clock and said `billing clock accept --reason WHY`."
            )
        ahead = self.host_ahead
        if ahead is None or abs(ahead) <= HOSTS_DIFFER_MAX:
            return None
        return (
            f"The clock of this host is {_rounded(abs(ahead))} {'ahead of' if ahead > _NOTHING else 'behind'}"
            " that of the database. Nothing is metered, closed or delivered until they agree within"
            f" {_rounded(HOSTS_DIFFER_MAX)}."
        )


_NOTHING = dt.timedelta()


def clock_facts() -> ClockFacts:
    """Return the facts of this moment, and write nothing down."""
    now, host_ahead = _read_clocks()
    return _judged(db.session.scalar(select(ClockState)), now, host_ahead)


def look_at_clock() -> ClockFacts:
    """Return the facts of this moment and remember them, in a short transaction of its own."""
    if isinstance(app_clock(), MovedClock):
        return ClockFacts(exact_now(), None, None, None, None)
    with write_transaction():
        state = _locked_state()
        facts = _judged(state, *_read_clocks())
        if facts.is_stopped and not state.stopped_because:
            log.error("the clock jumped", extra={"reason": facts.stopped_because})
        state.stopped_at, state.stopped_because = facts.stopped_at, facts.stopped_because
        if not facts.distrust:
            state.seen_at = max(state.seen_at, facts.now)
    return facts


def refuse_distrusted_clock() -> ClockFacts:
    """Look at the clock; ClockNotTrustedError says why nothing may be metered, closed or delivered."""
    facts = look_at_clock()
    if facts.distrust:
        raise ClockNotTrustedError(facts.distrust)
    return facts


def accept_clock(*, by: str, reason: str) -> ClockFacts:
    """Trust a clock that jumped, from now on; ConflictError where none did, or where the host's differs."""
    facts = look_at_clock()
    if facts.stopped_because is None or facts.stopped_at is None:
        raise ConflictError(facts.distrust or "The clock did not stop: there is nothing to accept.")
    accepted = ClockFacts(facts.now, facts.host_ahead, facts.now, None, None)
    if accepted.distrust:
        raise ConflictError(accepted.distrust)
    with write_transaction():
        state = _locked_state()
        state.seen_at, state.stopped_at, state.stopped_because = facts.now, None, None
        db.session.add(
            ClockAcceptance(
                accepted_at=facts.now,
                accepted_by=by,
                reason=reason,
                stopped_at=facts.stopped_at,
                stopped_because=facts.stopped_because,
            )
        )
    log.warning("the clock was accepted", extra={"by": by, "reason": reason})
    return accepted


def _locked_state() -> ClockState:
    """Return the row, made where it is missing, and keep others from it until the transaction ends."""
    first = insert_into(ClockState).values(id=1, seen_at=exact_now())
    db.session.execute(first.on_conflict_do_nothing())
    return db.session.scalars(
        select(ClockState).with_for_update().execution_options(populate_existing=True)
    ).one()


def _read_clocks() -> tuple[dt.datetime, dt.timedelta | None]:
    """Return the database's time, and by how much the host's is ahead of it."""
    clock = app_clock()
    if not isinstance(clock, DatabaseClock):
        return exact_now(), None
    before = clock.host()
    now = clock.exact()
    return now, before + (clock.host() - before) / 2 - now


def _judged(state: ClockState | None, now: dt.datetime, host_ahead: dt.timedelta | None) -> ClockFacts:
    if state is None:
        return ClockFacts(now, host_ahead, None, None, None)
    because = state.stopped_because or _jump(state.seen_at, now)
    stopped_at = (state.stopped_at or now) if because else None
    return ClockFacts(now, host_ahead, state.seen_at, stopped_at, because)


def _jump(seen_at: dt.datetime, now: dt.datetime) -> str | None:
    """Say how the clock jumped since it was seen; None if it did not."""
    if now < seen_at - BACK_MAX:
        return f"The clock went back from {_minute(seen_at)} to {_minute(now)}."
    if now > seen_at + FORWARD_MAX:
        return (
            f"The clock was last looked at on {_minute(seen_at)}, and now it is {_minute(now)}:"
            " it went forward, or nothing ran meanwhile."
        )
    return None


def _minute(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _rounded(span: dt.timedelta) -> str:
    """Write a positive time in its largest unit, such as "2 hours"; a second more is nothing."""
    units = {"days": dt.timedelta(days=1), "hours": dt.timedelta(hours=1), "minutes": dt.timedelta(minutes=1)}
    short = span - dt.timedelta(seconds=1)
    counts = {name: -(-short // unit) for name, unit in units.items()}
    name = next((name for name, count in counts.items() if count > 1), "minutes")
    return f"{counts[name]} {name}"
