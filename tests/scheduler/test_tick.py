"""A tick runs each step on its own: what fails is said, kept, and stops no other step."""

import datetime as dt
import logging
import time
from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.invoicing import InvoicingUnavailableError
from portal.models import Invoice, SchedulerStep
from portal.scheduler import loop, step, tick
from portal.scheduler.step import LeftForNextRunError, Step
from portal.storage import db
from tests.factories import JANUARY, make_product, make_subscription, use_all_hours

FEBRUARY_10 = dt.datetime(2026, 2, 10, tzinfo=dt.UTC)
LATER = FEBRUARY_10 + dt.timedelta(hours=1)
NO_DATABASE = OperationalError("SELECT 1", {}, ConnectionError("server closed the connection"))


def unavailable(*_: object, **__: object) -> None:
    raise InvoicingUnavailableError


@pytest.fixture
def easybill_is_down(app, monkeypatch):
    providers = app.extensions["portal.providers"]

    class Away:
        name = "EasyBill"

        def __getattr__(self, name: str):
            return unavailable

    monkeypatch.setitem(app.extensions, "portal.providers", replace(providers, invoicing=Away()))


@pytest.fixture
def clock_of_steps(monkeypatch):
    """The instants at which steps start and end, one minute apart."""
    instants = (FEBRUARY_10 + dt.timedelta(minutes=minute) for minute in range(1000))
    monkeypatch.setattr(step, "true_now", lambda: next(instants))


@pytest.fixture
def steps(monkeypatch):
    """Put other steps in the place of those of a tick."""

    def replaced(*others: Step) -> None:
        monkeypatch.setattr(tick, "steps_of_a_tick", lambda _: others)

    return replaced


def failing(error: Exception):
    def work(now: dt.datetime) -> str:
        db.session.execute(db.text("SELECT 1"))
        raise error

    return work


def kept(name: str) -> SchedulerStep:
    db.session.expire_all()
    return db.session.get_one(SchedulerStep, name)


def outcomes(done: tick.Tick) -> dict[str, str]:
    return {result.name: result.outcome for result in done.results}


def test_an_outage_of_easybill_ends_only_the_steps_that_ask_easybill(app, acme, easybill_is_down):
    use_all_hours(make_subscription(acme, make_product()), JANUARY)
    done = tick.tick(FEBRUARY_10)

    assert [result.name for result in done.failed] == ["delivery", "sync"]
    assert len(done.results) == len(tick.steps_of_a_tick(time.sleep))
    assert db.session.scalars(db.select(Invoice)).one().attempts == 1
    assert kept("expired_rows").last_outcome == "done"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProviderUnavailableError("Stripe is away."), "Stripe is away."),
        (LeftForNextRunError("2 to retry"), "2 to retry"),
        (NO_DATABASE, "OperationalError: server closed the connection"),
        (KeyError("a mistake\nof ours"), r"KeyError: 'a mistake\nof ours'"),
    ],
)
def test_a_step_that_fails_is_kept_with_its_reason_and_the_next_goes_on(app, steps, caplog, error, reason):
    steps(Step("first", failing(error)), Step("second", lambda _: "3 done"))
    done = tick.tick(FEBRUARY_10)

    assert outcomes(done) == {"first": "failed", "second": "done"}
    assert "the next round goes on" in caplog.text
    first, second = kept("first"), kept("second")
    assert (first.last_outcome, first.last_failure, first.last_completed_at) == ("failed", reason, None)
    assert (second.last_outcome, second.summary) == ("done", "3 done")


def test_a_step_whose_connection_is_lost_leaves_a_new_one_to_the_next(app, steps):
    def lose(now: dt.datetime) -> str:
        db.session.connection().invalidate()
        raise NO_DATABASE

    steps(Step("first", lose), Step("second", lambda _: str(db.session.scalar(db.text("SELECT 7")))))

    assert tick.tick(FEBRUARY_10).results[1].summary == "7"


def test_a_step_keeps_when_it_started_completed_and_failed_last(app, steps, clock_of_steps):
    steps(Step("first", lambda _: "1 done"))
    tick.tick(FEBRUARY_10)
    steps(Step("first", failing(NO_DATABASE)))
    tick.tick(LATER)
    first = kept("first")

    minutes = [(at - FEBRUARY_10).seconds // 60 for at in (first.last_completed_at, first.last_started_at)]
    assert minutes == [1, 2]
    assert (first.last_failed_at - FEBRUARY_10).seconds // 60 == 3
    assert (first.last_outcome, first.summary) == ("failed", "1 done")


def test_a_month_is_not_closed_in_a_tick_that_could_not_meter_its_hours(app, acme, monkeypatch):
    use_all_hours(make_subscription(acme, make_product()), JANUARY)
    monkeypatch.setattr(tick, "meter_hours", lambda *, now: failing(NO_DATABASE)(now))
    done = tick.tick(FEBRUARY_10)

    assert outcomes(done)["closing"] == "failed"
    assert kept("closing").last_failure == "waits for hours, which failed"
    assert db.session.scalars(db.select(Invoice)).all() == []


def test_a_state_that_cannot_be_recorded_does_not_end_its_step(app, steps, monkeypatch, caplog):
    def no_table(_: object) -> None:
        raise NO_DATABASE

    monkeypatch.setattr(step, "insert_into", no_table)
    steps(Step("first", lambda _: "1 done"))

    assert outcomes(tick.tick(FEBRUARY_10)) == {"first": "done"}
    assert "could not be recorded" in caplog.text


def test_a_tick_writes_one_line_with_the_outcome_of_each_step_to_the_log(app, steps, caplog):
    steps(Step("first", lambda _: "1 done"), Step("second", failing(NO_DATABASE)))
    with caplog.at_level(logging.INFO, "portal.scheduler"):
        tick.tick(FEBRUARY_10)
    (line,) = [record for record in caplog.records if record.message == "the clock ran"]

    assert (line.failed, line.steps["first"]) == (1, "done: 1 done")
    assert line.steps["second"].startswith("failed: OperationalError")


def test_a_round_between_ticks_is_recorded_only_where_it_failed(app, monkeypatch):
    class Rounds:
        left = 3

        def wait(self, seconds: float) -> bool:
            self.left -= 1
            return self.left < 0

    loop.pause(60, Rounds())
    assert db.session.get(SchedulerStep, "mails") is None
    monkeypatch.setattr(loop, "MAILS", Step("mails", failing(NO_DATABASE)))
    Rounds.left = 3
    loop.pause(60, Rounds())
    assert kept("mails").last_outcome == "failed"


def test_the_command_prints_a_line_for_each_step_and_exits_0(app, steps):
    steps(Step("first", lambda _: "1 done"), Step("second", lambda _: "nothing to do"))
    said = app.test_cli_runner().invoke(args=["billing", "tick"])

    assert said.exit_code == 0
    assert [line.split(maxsplit=2) for line in said.stdout.splitlines()] == [
        ["first", "done", "1 done"],
        ["second", "done", "nothing to do"],
    ]


def test_the_command_exits_1_when_a_step_failed(app, steps):
    steps(Step("first", failing(ProviderUnavailableError())), Step("second", lambda _: "1 done"))
    said = app.test_cli_runner().invoke(args=["billing", "tick"])

    assert said.exit_code == 1
    assert "second         done    1 done" in said.stdout
    assert "Error: 1 of 2 steps are not done" in said.stderr
