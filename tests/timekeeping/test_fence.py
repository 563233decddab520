"""Nothing is metered, closed or delivered by a clock that cannot be trusted; everything else goes on."""

import datetime as dt

import pytest
from sqlalchemy import select

from portal.access import sessions
from portal.closing import close as closing
from portal.closing.close import MonthNotOverError
from portal.domain.access import Preset
from portal.domain.errors import ConflictError
from portal.models import ClockAcceptance, ClockState, Invoice, LegalDocument, UsageHour, UserSession
from portal.scheduler.tick import tick
from portal.services import settings
from portal.storage import db
from portal.timekeeping.clocks import DatabaseClock, MovedClock, clock_of, set_clock, utc_now
from portal.timekeeping.fence import accept_clock, clock_facts, look_at_clock
from tests.delivery.rows import own_customer
from tests.factories import JANUARY, NOW, make_member, make_product, make_subscription, use_all_hours

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
FENCED = {"clock", "hours", "closing", "delivery", "audit_heads", "expired_rows"}


class TwoClocks(DatabaseClock):
    """A database and a host, each as far from the true time as a test says."""

    def __init__(self):
        super().__init__(self.exact, host=lambda: NOW + self.host_ahead)
        self.database_ahead = self.host_ahead = dt.timedelta()

    def exact(self) -> dt.datetime:
        return NOW + self.database_ahead

    def __call__(self) -> dt.datetime:
        return self.exact()


@pytest.fixture
def clocks(app) -> TwoClocks:
    clocks = TwoClocks()
    set_clock(app, clocks)
    return clocks


@pytest.fixture
def january(acme):
    """Work that every tick would do: hours to meter, a month to close, its document, a session to forget."""
    own_customer(acme)
    use_all_hours(make_subscription(acme, make_product()), JANUARY)
    sessions.begin(make_member(acme, Preset.ADMIN), now=NOW)
    db.session.commit()


def rows() -> list[int]:
    return [
        len(db.session.scalars(select(each)).all())
        for each in (UsageHour, Invoice, LegalDocument, UserSession)
    ]


def run() -> dict[str, str]:
    """Run the clock once, and return what failed with its reason."""
    results = tick(utc_now()).results
    db.session.expire_all()
    return {result.name: result.summary for result in results if not result.is_done}


def test_a_clock_that_is_trusted_lets_a_tick_close_and_deliver(clocks, january):
    assert run() == {}
    assert rows()[1:] == [1, 1, 1]


@pytest.mark.parametrize("ahead", [DAY, 60 * DAY, -HOUR, -6 * MINUTE], ids=str)
def test_a_host_whose_clock_is_wrong_closes_sends_and_forgets_nothing(clocks, january, ahead):
    look_at_clock()
    before = rows()
    clocks.host_ahead = ahead
    wrong = run()
    assert wrong.keys() == FENCED
    assert rows() == before
    assert wrong["clock"].startswith("The clock of this host is ")
    clocks.host_ahead = dt.timedelta()
    assert run() == {}
    assert rows()[1:] == [1, 1, 1]


@pytest.mark.parametrize("ahead", [DAY, 60 * DAY, -HOUR, -6 * MINUTE], ids=str)
def test_a_database_whose_clock_is_wrong_closes_sends_and_forgets_nothing(clocks, january, ahead):
    look_at_clock()
    before = rows()
    clocks.database_ahead = ahead
    assert run().keys() == FENCED
    assert rows() == before


@pytest.mark.parametrize("ahead", [5 * MINUTE, -5 * MINUTE])
def test_two_clocks_may_differ_by_five_minutes(clocks, ahead):
    clocks.host_ahead = ahead
    assert clock_facts().distrust is None


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (60 * DAY - dt.timedelta(milliseconds=3), "60 days ahead of"),
        (-DAY, "24 hours behind"),
        (HOUR, "60 minutes ahead of"),
        (5 * MINUTE + dt.timedelta(seconds=20), "6 minutes ahead of"),
    ],
)
def test_the_sentence_says_by_how_much_the_clocks_differ(clocks, ahead, said):
    clocks.host_ahead = ahead
    assert clock_facts().distrust.startswith(f"The clock of this host is {said} that of the database.")


def test_the_real_clock_of_the_database_agrees_with_that_of_this_host(app):
    set_clock(app, clock_of(app.config["SQLALCHEMY_DATABASE_URI"]))
    facts = look_at_clock()
    assert facts.distrust is None
    if db.engine.dialect.name == "postgresql":
        assert abs(facts.host_ahead) < MINUTE
    else:
        assert facts.host_ahead is None


def test_a_host_a_day_ahead_of_the_real_database_is_refused_and_its_people_stay(app, january):
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has the clock of the host")
    real = clock_of(app.config["SQLALCHEMY_DATABASE_URI"])
    real.host = lambda: real.exact() + DAY
    set_clock(app, real)
    sessions_before = rows()[3]
    assert run().keys() == FENCED
    assert rows()[1:] == [0, 0, sessions_before]


@pytest.mark.parametrize("moved", [-6 * MINUTE, 41 * DAY])
def test_a_clock_that_jumped_stays_stopped_until_it_is_accepted(app, clock, moved):
    look_at_clock()
    clock.at = NOW + moved
    assert look_at_clock().is_stopped
    clock.at = NOW + moved + HOUR
    assert look_at_clock().is_stopped
    accept_clock(by="anna", reason="looked at it")
    assert look_at_clock().distrust is None


@pytest.mark.parametrize("moved", [-5 * MINUTE, 40 * DAY])
def test_a_small_step_back_and_forty_days_forward_are_no_jump(app, clock, moved):
    look_at_clock()
    clock.at = NOW + moved
    assert look_at_clock().distrust is None


def test_small_steps_back_add_up_to_a_jump(app, clock):
    for step in range(3):
        clock.at = NOW - step * 4 * MINUTE
        facts = look_at_clock()
    assert facts.is_stopped


def test_a_database_that_was_wrong_for_a_while_leaves_no_jump_behind(clocks):
    look_at_clock()
    clocks.database_ahead = DAY
    assert look_at_clock().distrust
    clocks.database_ahead = dt.timedelta()
    assert look_at_clock().distrust is None


def test_the_sentence_of_a_jump_says_from_when_to_when_and_what_to_do(app, clock):
    look_at_clock()
    clock.at = NOW - HOUR
    assert look_at_clock().distrust == (
        "The clock went back from 2026-03-10 12:30 UTC to 2026-03-10 11:30 UTC. Nothing is metered, closed or"
        " delivered until an operator looked at the clock and said `billing clock accept --reason WHY`."
    )


def test_looking_for_others_writes_nothing_down(app, clock):
    assert clock_facts().seen_at is None
    assert db.session.scalar(select(ClockState)) is None


def test_an_acceptance_is_kept_with_who_why_and_what_the_jump_was(app, clock):
    look_at_clock()
    clock.at = NOW + 41 * DAY
    accept_clock(by="anna", reason="the portal was switched off for the summer")
    kept = db.session.scalars(select(ClockAcceptance)).one()
    assert (kept.accepted_by, kept.reason) == ("anna", "the portal was switched off for the summer")
    assert kept.accepted_at == kept.stopped_at == clock.at
    assert kept.stopped_because.startswith(
        "The clock was last looked at on 2026-03-10 12:30 UTC, and now it is"
    )


def test_a_clock_that_did_not_stop_cannot_be_accepted(app):
    with pytest.raises(ConflictError, match="did not stop"):
        accept_clock(by="anna", reason="to be sure")


def test_a_jump_is_not_accepted_while_the_hosts_clock_says_otherwise(clocks):
    look_at_clock()
    clocks.database_ahead = 60 * DAY
    with pytest.raises(ConflictError, match="behind that of the database"):
        accept_clock(by="anna", reason="it looked right")
    assert look_at_clock().is_stopped


def test_a_pretended_time_passes_the_fence_and_leaves_no_trace(app, clock):
    look_at_clock()
    set_clock(app, MovedClock(NOW + 300 * DAY, clock))
    assert look_at_clock().distrust is None
    set_clock(app, clock)
    assert look_at_clock().seen_at == NOW


def test_a_month_that_runs_by_the_database_is_not_closed_whatever_a_run_is_told(app, clock, january):
    clock.at = JANUARY.ends_at + 3 * DAY - MINUTE
    with pytest.raises(MonthNotOverError, match="2026-01 is not over and past its grace"):
        closing.close(now=NOW, grace_days=3, vat_rules=settings().vat_rules)
    db.session.rollback()
    assert rows()[1] == 0
    clock.at += MINUTE
    assert closing.close(now=clock.at, grace_days=3, vat_rules=settings().vat_rules).made == 1
