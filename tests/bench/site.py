"""A portal on a database of its own for one measurement, and requests to it as a server makes them."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import create_engine, text
from werkzeug.test import EnvironBuilder

from portal.app import calm_collector, create_app, real_providers
from portal.config import EasybillSettings, Environment, Settings, StripeSettings
from portal.storage import db
from tests.bench.model import NOW, Model, load
from tests.seller import SELLER

_ROUNDS = 9
_CPU_ROUNDS = 30  # short ones: on a busy machine only some of them are undisturbed


@dataclass(frozen=True)
class Site:
    """A portal over a loaded model."""

    app: Flask
    model: Model
    url: str

    @property
    def database(self) -> str:
        return "postgresql" if self.url.startswith("postgresql") else "sqlite"


@contextmanager
def site(url: str, model: Model, var: Path, *, has_hours: bool = True) -> Iterator[Site]:
    """Migrate an empty database and load the model into it."""
    settings = _settings(url, var)
    app = create_app(settings, providers=real_providers(settings), clock=lambda: NOW)
    with app.app_context():
        flask_migrate.upgrade()
        load(model, has_hours=has_hours)
    calm_collector()
    try:
        yield Site(app, model, url)
    finally:
        gc.unfreeze()
        with app.app_context():
            db.engine.dispose()


def _settings(url: str, var: Path) -> Settings:
    nowhere = "http://127.0.0.1:1"
    return Settings(
        environment=Environment.DEMO,
        var=var,
        secret_key="a secret of the bench, long enough",
        audit_key="a key of the bench's audit trails, long enough",
        database_url=url,
        portal_url="http://localhost",
        stripe=StripeSettings(
            "sk_test_bench", "pk_test_bench", "whsec_bench", nowhere, f"{nowhere}/stripe.js"
        ),
        easybill=EasybillSettings(api_key="bench", api_base=nowhere),
        seller=SELLER,
        close_grace_days=3,
        provider_deadline_milliseconds=5000,
        log_level="WARNING",
    )


def another_database(url: str, name: str) -> str:
    """Make an empty database beside one, and return its address."""
    if url.startswith("sqlite"):
        return url.replace("portal.sqlite", f"{name}.sqlite")
    engine = create_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{url.rpartition('/')[0]}/{name}"


def caller(app: Flask, path: str, **headers: str) -> Callable[[], bytes]:
    """Return a request that a server would hand to the app, without a client around it."""
    environ = EnvironBuilder(path=path, base_url="http://localhost", headers=headers).get_environ()

    def call() -> bytes:
        status = []
        answer = app(dict(environ), lambda line, _headers, _error=None: status.append(line))
        try:
            body = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close:
                close()
        assert status[0].startswith("200"), (status, body[:500])
        return body

    return call


def cpu_seconds(calls: Sequence[Callable[[], object]], *, times: int) -> list[float]:
    """Return the CPU time of one call of each, the least of rounds in which they take turns."""
    least = [math.inf] * len(calls)
    for call in calls:
        call()
    for _ in range(_CPU_ROUNDS):
        for place, call in enumerate(calls):
            started = time.process_time()
            for _ in range(times):
                call()
            least[place] = min(least[place], (time.process_time() - started) / times)
    return least


def wall_seconds(calls: Sequence[Callable[[], object]], *, rounds: int = _ROUNDS) -> list[float]:
    """Return the time of one call of each, the median of rounds in which they take turns."""
    found: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for place, call in enumerate(calls):
            found[place].append(seconds_of(call))
    return [statistics.median(some) for some in found]


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
