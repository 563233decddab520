"""The one clock of the app is the database's: asked seldom, carried on, exact where it has to be."""

import datetime as dt
import threading

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from portal.app import create_app
from portal.storage import db
from portal.timekeeping.clocks import (
    DatabaseClock,
    MovedClock,
    clock_of,
    exact_now,
    set_clock,
    system_now,
    true_now,
    utc_now,
)
from tests.factories import NOW
from tests.settings import NOWHERE, make_settings

SECOND = dt.timedelta(seconds=1)


class Base:
    """A database with a clock that can be moved, and the seconds that pass here."""

    def __init__(self):
        self.at, self.seconds, self.asked, self.is_down = NOW, 1000.0, 0, False

    def ask(self) -> dt.datetime:
        self.asked += 1
        if self.is_down:
            raise OperationalError("", None, Exception("no server"))
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: int) -> None:
        self.seconds += seconds
        self.at += seconds * SECOND


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def database_clock(base) -> DatabaseClock:
    return DatabaseClock(base.ask, host=lambda: NOW + dt.timedelta(days=1), monotonic=base.monotonic)


def test_the_clock_says_what_the_database_says_and_not_the_host(database_clock):
    assert database_clock() == NOW


def test_the_database_is_not_asked_again_within_half_a_minute(base, database_clock):
    for _ in range(29):
        database_clock()
        base.pass_by(1)
    assert database_clock() == NOW + 29 * SECOND
    assert base.asked == 1


def test_a_moved_database_clock_is_followed_after_half_a_minute(base, database_clock):
    database_clock()
    base.at -= dt.timedelta(hours=1)
    base.pass_by(31)
    assert database_clock() == base.at
    assert base.asked == 2


def test_the_last_answer_is_carried_on_while_the_database_is_down(base, database_clock):
    database_clock()
    base.is_down = True
    base.pass_by(3600)
    assert database_clock() == NOW + 3600 * SECOND
    base.pass_by(1)
    assert database_clock() == NOW + 3601 * SECOND
    assert base.asked == 2


def test_a_database_that_is_down_is_asked_again_after_five_seconds(base, database_clock):
    base.is_down = True
    database_clock()
    base.is_down = False
    base.pass_by(5)
    assert database_clock() == base.at


def test_the_host_tells_the_time_where_the_database_never_did(base, database_clock):
    base.is_down = True
    assert database_clock() == database_clock.host()


def test_a_thread_that_meets_another_one_asking_carries_on_and_does_not_wait(base):
    asking, answered = threading.Event(), threading.Event()

    def slowly() -> dt.datetime:
        if base.ask() != NOW:
            asking.set()
            assert answered.wait(20)
        return base.at

    clock = DatabaseClock(slowly, monotonic=base.monotonic)
    clock()
    base.pass_by(31)
    thread = threading.Thread(target=clock)
    thread.start()
    assert asking.wait(20)
    assert clock() == NOW + 31 * SECOND
    answered.set()
    thread.join()
    assert base.asked == 2


def test_the_time_of_a_database_is_its_own_and_sqlite_has_that_of_the_host(app):
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    clock = clock_of(url)
    assert (clock is system_now) == url.startswith("sqlite")
    before = system_now()
    assert before - SECOND < clock() < system_now() + SECOND


def test_the_exact_time_is_read_within_the_running_transaction(app):
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no clock of its own")
    set_clock(app, clock_of(app.config["SQLALCHEMY_DATABASE_URI"]))
    statements: list[str] = []

    def note(connection, cursor, statement, *_) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        at = exact_now()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert db.session().in_transaction()
    assert len(statements) == 1
    assert abs(at - system_now()) < SECOND


def test_a_moved_clock_stands_and_the_true_time_is_behind_it(app, clock):
    later = NOW + dt.timedelta(days=60)
    set_clock(app, MovedClock(later, clock))
    assert utc_now() == exact_now() == later
    assert true_now() == NOW


def test_an_app_has_the_clock_of_its_database_unless_it_is_given_one(tmp_path):
    settings = make_settings("postgresql+psycopg://nobody@127.0.0.1:9/nothing", NOWHERE, tmp_path)
    assert isinstance(create_app(settings).extensions["portal.clock"], DatabaseClock)
    assert create_app(settings, clock=lambda: NOW).extensions["portal.clock"]() == NOW
