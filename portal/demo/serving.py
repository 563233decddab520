"""Serves the demo, and lets time pass in it: collectors report, the clock runs."""

import threading

from flask import Flask
from waitress.server import create_server

from portal.app import calm_collector
from portal.demo import seed
from portal.scheduler import loop
from portal.timekeeping.clocks import utc_now

_TICK_SECONDS = 60


def serve(app: Flask, port: int, stopping: threading.Event) -> None:
    """Serve in threads that end with the process, and return once the port is open."""
    calm_collector()
    server = create_server(app, host="127.0.0.1", port=port, threads=8, ident=None)
    threading.Thread(target=server.run, daemon=True).start()
    threading.Thread(target=_work, args=(app, stopping), daemon=True).start()
    threading.Thread(target=loop.follow_stripe, args=(app, stopping), daemon=True).start()


def _work(app: Flask, stopping: threading.Event) -> None:
    while not stopping.is_set():
        with app.app_context():
            seed.collect(now=utc_now())
            loop.tick_once(stopping)
            loop.pause(_TICK_SECONDS, stopping)
