"""Serves the demo, and lets time pass in it: collectors report, the clock runs."""

import threading
from functools import partial

from flask import Flask

from portal.app import calm_collector
from portal.demo import seed
from portal.scheduler import loop
from portal.scheduler.step import Step, run_step
from portal.serving.front import Front
from portal.serving.listening import listening_at
from portal.stopping import Stopping, Works
from portal.timekeeping.clocks import utc_now

_TICK_SECONDS = 60
_COLLECTORS = Step("demo_collectors", lambda now: f"{seed.collect(now=now)} new")


def serve(app: Flask, port: int, works: Works, stopping: Stopping) -> None:
    """Begin to serve and to work, and return once the port is open."""
    calm_collector()
    front = Front(app, listening_at("127.0.0.1", port), threads=8)
    threading.Thread(target=front.run, daemon=True).start()
    works.begin("clock", partial(_work, app, stopping))
    works.begin("stripe", partial(loop.follow_stripe, app, stopping))


def _work(app: Flask, stopping: Stopping) -> None:
    while not stopping.is_set():
        with app.app_context():
            run_step(_COLLECTORS, utc_now())
            loop.tick_once(stopping)
            loop.pause(_TICK_SECONDS, stopping)
