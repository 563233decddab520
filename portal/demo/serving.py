"""Serves the demo, and lets time pass in it: collectors report, the clock runs."""

import threading

from flask import Flask

from portal.app import calm_collector
from portal.demo import seed
from portal.scheduler import loop
from portal.serving.front import Front
from portal.serving.listening import listening_at
from portal.timekeeping.clocks import utc_now

_TICK_SECONDS = 60


def serve(app: Flask, port: int, stopping: threading.Event) -> None:
    """Serve in threads that end with the process, and return once the port is open."""
    calm_collector()
    front = Front(app, listening_at("127.0.0.1", port), threads=8)
    threading.Thread(target=front.run, daemon=True).start()
    threading.Thread(target=_work, args=(app, stopping), daemon=True).start()
    threading.Thread(target=loop.follow_stripe, args=(app, stopping), daemon=True).start()


def _work(app: Flask, stopping: threading.Event) -> None:
    while not stopping.is_set():
        with app.app_context():
            seed.collect(now=utc_now())
            loop.tick_once(stopping)
            loop.pause(_TICK_SECONDS, stopping)
