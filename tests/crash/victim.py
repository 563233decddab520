"""What runs in the children: the tick with its steps counted, the portal that collects, EasyBill's stand-in.

A step is any moment between two changes: before each statement that writes, before and after each
commit of such, before and after each call of EasyBill. The portal's code is as it is.
"""

import datetime as dt
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
import requests
from flask import Flask, current_app
from sqlalchemy import event, func, make_url, select
from sqlalchemy.engine import Engine
from waitress.server import create_server

from portal import services
from portal.app import create_app, real_providers
from portal.config import Settings
from portal.delivery import outbox
from portal.delivery.sync import sync
from portal.domain.errors import BillingError
from portal.gateways import easybill_http
from portal.gateways.breaker import Breaker
from portal.models import Delivery, Invoice
from portal.sandbox import easybill
from portal.sandbox.easybill import paper
from portal.scheduler import loop
from portal.scheduler.tick import tick as run_tick
from portal.storage import db
from portal.timekeeping.clocks import MovedClock, set_clock
from tests.crash import world
from tests.crash.children import Tell
from tests.crash.remote_provider import RemoteProvider
from tests.months import deliver
from tests.settings import Sandboxes, make_settings

assert paper.render, "imported before the first fork: else each EasyBill would do it, slowly"
OnStep = Callable[[int, str], None]  # the number of the step, from 1, and what it is
Wait = Callable[[float], object]
_ROUNDS_MAX = 30
_SPOILED_MIN = 10
_ROUND = dt.timedelta(minutes=7)
_READS = ("SELECT", "BEGIN", "PRAGMA", "SHOW")
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Place:
    """Where a run works: its database and its EasyBill, or the port of a provider in memory."""

    database_url: str
    easybill_url: str = _NOWHERE
    memory_port: int | None = None

    def app(self) -> Flask:
        """Return a portal here; where one is warm, it, with its statements compiled already."""
        warm = _warm_apps.get(make_url(self.database_url).get_backend_name())
        if warm is None:
            return self._new_app()
        warm.extensions["portal.providers"] = self._providers()
        _connected_to[0] = self.database_url
        return warm

    def _new_app(self) -> Flask:
        return create_app(self._settings(), providers=self._providers(), clock=_clock)

    def _providers(self) -> services.Providers:
        """Return gateways that live in this world's time: a pause ends when it says so."""
        gateways = real_providers(self._settings(), _clock)
        if self.memory_port is not None:
            return replace(gateways, invoicing=RemoteProvider(self.memory_port))
        gateways.invoicing._easybill._breaker = Breaker(lambda: _clock().timestamp())
        return gateways

    def _settings(self) -> Settings:
        return make_settings(self.database_url, Sandboxes(_NOWHERE, self.easybill_url), Path("/nowhere"))


_now = [world.NOW]  # of this process: waiting moves it, and takes no time
_warm_apps: dict[str, Flask] = {}
_connected_to = [""]


def _clock() -> dt.datetime:
    return _now[0]


def warm_up(place: Place) -> None:
    """Run once in this process, so that the children need not begin by compiling every statement."""
    app = place._new_app()
    _warm_apps[make_url(place.database_url).get_backend_name()] = app
    with app.app_context():
        event.listen(db.engine, "do_connect", _connect_elsewhere)
    tick(place)
    judge(place)


def _connect_elsewhere(dialect: Any, record: object, arguments: list[Any], named: dict[str, Any]) -> None:
    arguments[:], changed = dialect.create_connect_args(make_url(_connected_to[0]))
    named |= changed


@contextmanager
def inside(place: Place) -> Iterator[None]:
    with place.app().app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def build(place: Place) -> str:
    """Make the world in an empty database, and return its collector's token."""
    with inside(place):
        flask_migrate.upgrade()
        return world.build()


def tick(
    place: Place,
    *,
    minutes_late: int = 0,
    on_step: OnStep | None = None,
    wait: Wait | None = None,
    may_fail: bool = False,
) -> str:
    """Run the clock once, and return what failed; unless told how to wait, nobody may ask for it."""
    _now[0] = world.NOW + minutes_late * world.MINUTE
    with inside(place):
        if on_step is not None:
            _count_steps(on_step)
        # Clocks of one database are never apart; where these are, the fence has to look away.
        set_clock(current_app, MovedClock(_now[0], _clock) if minutes_late else _clock)
        failed = run_tick(_now[0], wait=wait or _refuse_to_wait).failed
    if failed and not may_fail:
        raise RuntimeError(", ".join(map(str, failed)))
    return ", ".join(map(str, failed))


def tick_with_faults(place: Place, *, minutes_late: int = 0, on_step: OnStep | None = None) -> str:
    """Run the clock once while EasyBill is out of order: what it could not do is for the next run."""
    return tick(place, minutes_late=minutes_late, on_step=on_step, wait=wait, may_fail=True)


def wait(seconds: float) -> None:
    _now[0] += dt.timedelta(seconds=seconds)


def recover(place: Place, faulty_rounds: int) -> dict[str, Any]:
    """Run again and again, the first rounds with the faults as they are; then judge it without any."""
    spoiled = 0
    with inside(place):
        for number in range(faulty_rounds + _ROUNDS_MAX):
            if number == faulty_rounds:
                spoiled = rehearse(place, {})
            _now[0] = world.LATER + number * _ROUND
            if _is_all_done(number < faulty_rounds):
                break
    found = judge(place)
    if spoiled < _SPOILED_MIN:
        found["faults"].append(f"only {spoiled} calls went wrong: nothing was rehearsed")
    return found


def _is_all_done(is_faulty: bool) -> bool:
    """Deliver and sync once; as an operator would, let try again what failed too often."""
    with suppress(BillingError):
        deliver(services.invoicing(), now=_now[0], wait=wait)
        sync(services.invoicing(), now=_now[0], wait=wait)
    db.session.rollback()
    stuck = db.session.scalars(select(Invoice).where(Invoice.delivery == Delivery.STUCK)).all()
    for invoice in stuck:
        outbox.retry_stuck(invoice.organization_id)
    is_open = Invoice.delivery.in_((Delivery.PENDING, Delivery.DRAFTED, Delivery.FINISHED))
    left = db.session.scalar(select(func.count()).select_from(Invoice).where(is_open))
    db.session.rollback()
    return not left and not is_faulty


def rehearse(place: Place, plan: dict[str, Any]) -> int:
    """Let EasyBill go wrong like this from now on, {} is not at all; return how many calls have so far."""
    answer = requests.put(f"{place.easybill_url}/faults", json=plan, headers=world.KEY, timeout=20)
    answer.raise_for_status()
    return int(answer.json()["spoiled"])


def tick_safely(place: Place, on_step: OnStep) -> None:
    """Run the clock once as `billing work` does: an error of the database is for the next tick."""
    _now[0] = world.NOW
    with place.app().app_context():
        _count_steps(on_step)
        loop.tick_once(threading.Event())


def judge(place: Place) -> dict[str, Any]:
    """Run the clock once more, undisturbed; return what there is then, and what is wrong with it."""
    with inside(place):
        _now[0] = max(_now[0], world.LATER)
        run_tick(world.LATER, wait=wait)
        db.session.remove()
        documents = world.documents_at(services.invoicing())
        return {"snapshot": world.snapshot(), "faults": list(world.faults(documents))}


def kill_at(number: int) -> OnStep:
    def on_step(step: int, label: str) -> None:
        if step == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step


def pause_at(number: int, tell: Tell, wait: Callable[[], object]) -> OnStep:
    def on_step(step: int, label: str) -> None:
        if step == number:
            tell("now")
            wait()

    return on_step


def _refuse_to_wait(seconds: float) -> None:
    raise AssertionError(f"nobody limits the rate here, and yet the run waits {seconds} seconds")


def _count_steps(on_step: OnStep) -> None:
    numbers = count(1)
    has_written = [False]

    def step(label: str) -> None:
        on_step(next(numbers), label)

    def before_statement(connection: Any, cursor: Any, statement: str, *rest: object) -> None:
        if not statement.startswith(_READS) and "call_budget" not in statement:  # beside its call's step
            has_written[0] = True
            step(" ".join(statement.split())[:60])

    event.listen(Engine, "before_cursor_execute", before_statement)
    copy = psycopg.Cursor.copy

    def stepped_copy(*arguments: Any) -> object:
        has_written[0] = True
        step("COPY")
        return copy(*arguments)

    psycopg.Cursor.copy = stepped_copy
    dialect = db.engine.dialect
    quietly = dialect.do_commit
    commit = _between(quietly, step, lambda _: "commit")

    def do_commit(connection: object) -> None:
        (commit if has_written[0] else quietly)(connection)
        has_written[0] = False

    dialect.do_commit = do_commit
    _watch_provider(step)


def _watch_provider(step: Callable[[str], None]) -> None:
    exchange = easybill_http.Connection._exchange

    def watched(self: Any, method: str, path: str, *rest: object, **named: object) -> object:
        asked = partial(exchange, **named)
        return _between(asked, step, lambda *_: f"{method} {path}")(self, method, path, *rest)

    easybill_http.Connection._exchange = watched
    RemoteProvider.exchange = _between(RemoteProvider.exchange, step, lambda _, method, *__: method)


def _between(
    work: Callable[..., object], step: Callable[[str], None], label: Callable[..., str]
) -> Callable[..., object]:
    def stepped(*arguments: object) -> object:
        name = label(*arguments)
        step(f"before {name}")
        result = work(*arguments)
        step(f"after {name}")
        return result

    return stepped


def serve_easybill(tell: Tell, wait: Callable[[], None]) -> None:
    """An EasyBill of its own, which survives whatever happens to the portal."""
    _serve(easybill.create_app(), tell)


def serve_portal(place: Place, tell: Tell) -> None:
    _serve(place.app(), tell)


def _serve(app: Flask, tell: Tell) -> None:
    server = create_server(app, host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=True)
    tell(server.effective_port)
    server.run()
