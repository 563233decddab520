"""An operator sees the clock and says a word for it; a command is told a time only where all is stand-ins."""

import dataclasses
import datetime as dt

import pytest
from sqlalchemy import select

from portal.access import sessions
from portal.config import EASYBILL_API
from portal.config.types import Environment
from portal.domain.access import Preset
from portal.ledger.synced import synced_until
from portal.models import ClockAcceptance, ClockState, Invoice, SchedulerStep, UserSession
from portal.storage import db
from portal.timekeeping.clocks import set_clock
from portal.timekeeping.fence import look_at_clock
from tests.delivery.rows import own_customer
from tests.factories import FEBRUARY, NOW, make_member, make_product, make_subscription, use_all_hours

DAY = dt.timedelta(days=1)


@pytest.fixture
def run(app):
    def command(*arguments: str):
        db.session.commit()
        result = app.test_cli_runner().invoke(args=list(arguments))
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        db.session.rollback()
        db.session.expire_all()
        return result.exit_code, result.output

    return command


@pytest.fixture
def told(app, monkeypatch):
    def settings(**changed) -> None:
        new = dataclasses.replace(app.extensions["portal.settings"], **changed)
        monkeypatch.setitem(app.extensions, "portal.settings", new)

    return settings


def test_the_clock_is_shown_with_when_it_was_seen_and_that_it_is_trusted(run):
    look_at_clock()
    status, said = run("billing", "clock")
    assert status == 0
    assert said.splitlines() == [
        "database   2026-03-10 12:30:00 UTC",
        "last seen  2026-03-10 12:30:00 UTC",
        "The clock is trusted.",
    ]


def test_a_clock_that_stopped_exits_with_four_and_goes_on_once_accepted(run, clock, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "anna")
    look_at_clock()
    clock.at = NOW + 41 * DAY
    status, said = run("billing", "clock")
    assert status == 4
    assert "billing clock accept --reason WHY" in said
    assert run("billing", "tick")[0] == 1
    status, said = run("billing", "clock", "accept", "--reason", "switched off for the summer")
    assert (status, said.splitlines()[-1]) == (0, "The clock is trusted.")
    assert db.session.scalars(select(ClockAcceptance)).one().accepted_by == "anna"
    assert run("billing", "clock")[0] == 0


@pytest.mark.parametrize("reason", [(), ("--reason", " "), ("--reason", "a\nb"), ("--reason", "x" * 201)])
def test_a_clock_is_accepted_for_a_reason_of_one_line(run, reason):
    assert run("billing", "clock", "accept", *reason)[0] == 2


def test_accepting_a_clock_that_did_not_stop_says_so(run):
    status, said = run("billing", "clock", "accept", "--reason", "to be sure")
    assert (status, said) == (1, "Error: The clock did not stop: there is nothing to accept.\n")


@pytest.mark.parametrize(
    "command",
    [
        "billing tick --now 2026-01-05",
        "billing tick --now 2027-06-10T00:00:00Z --pretend",
        "stripe work --now 2026-01-05",
        "stripe reconcile --now 2027-06-10",
    ],
)
def test_production_is_told_no_time_neither_past_nor_future(run, told, command):
    told(environment=Environment.PRODUCTION)
    status, said = run(*command.split())
    assert status == 2
    assert "PORTAL_ENV=production has the database's time and no other: leave out --now." in said
    assert db.session.scalars(select(SchedulerStep)).all() == []


def test_a_portal_with_the_real_easybill_is_told_no_time(run, app, told):
    told(easybill=dataclasses.replace(app.extensions["portal.settings"].easybill, api_base=EASYBILL_API))
    status, said = run("billing", "tick", "--now", "2026-01-05")
    assert status == 2
    assert "--now needs the stand-in of EasyBill" in said


def test_a_time_beyond_the_clock_has_to_be_pretended(run):
    status, said = run("billing", "tick", "--now", "2026-03-10T12:31Z")
    assert status == 2
    assert "is later than the clock, 2026-03-10 12:30 UTC: --pretend goes there all the same." in said


def test_pretending_needs_a_time(run):
    assert run("billing", "tick", "--pretend")[0] == 2


def test_a_pretended_run_bills_the_future_and_the_portal_goes_on_as_if_nothing_was(run, app, clock, acme):
    own_customer(acme)
    use_all_hours(make_subscription(acme, make_product()), FEBRUARY)
    sessions.begin(make_member(acme, Preset.ADMIN), now=NOW)
    look_at_clock()
    status, said = run("billing", "tick", "--now", "2026-06-10", "--pretend")
    set_clock(app, clock)  # the command's process has ended

    assert status == 0, said
    assert db.session.scalars(select(Invoice)).one().closed_at == dt.datetime(2026, 6, 10, tzinfo=dt.UTC)
    assert len(db.session.scalars(select(UserSession)).all()) == 1
    assert synced_until() == NOW
    assert db.session.scalars(select(ClockState)).one().seen_at == NOW
    assert {step.last_completed_at for step in db.session.scalars(select(SchedulerStep))} == {NOW}
    assert run("billing", "tick")[0] == 0


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:30", "soon"])
def test_a_time_that_cannot_be_meant_is_refused_in_a_sentence(run, time):
    status, said = run("billing", "tick", "--now", time, "--pretend")
    assert status == 2
    assert "Error: Invalid value for '--now'" in said
