"""`python -m portal.demo --port 8000`: the portal, its sandboxes and its clock, until it is stopped."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from waitress.server import create_server

from portal import clockwork, config, demo_settings
from portal.app import calm_collector, create_app
from portal.config import Settings
from portal.demo import history, people, seed
from portal.services import easybill, stripe, utc_now
from portal.storage.database import db
from portal.web import log

_TICK_SECONDS = 60
_SANDBOX_READY_SECONDS = 20
_PORT_MAX = 65_533  # the sandboxes take the next two
_SECRET_NAME = "PORTAL_DEMO_WEBHOOK_SECRET"  # noqa: S105 -- the variable in which the sandbox finds it


def main() -> None:
    """Serve the demo."""
    os.umask(0o077)
    port = _port()
    var = Path(os.environ.get("PORTAL_VAR", config.ROOT / "var"))
    var.mkdir(parents=True, exist_ok=True)
    demo_file = var / "demo.json"
    known = json.loads(demo_file.read_text()) if demo_file.exists() else {}
    _write(demo_file, known | _addresses(port))  # so that every command finds the same sandboxes
    settings = config.from_environment()
    log.configure("WARNING")
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: stopping.set())
    sandbox = _start_sandbox(settings, port)
    try:
        app = create_app(settings)
        with app.app_context():
            _prepare(settings, demo_file, known)
        calm_collector()
        _serve(app, port, stopping)
        _announce(json.loads(demo_file.read_text()))
        while not stopping.wait(1):
            if sandbox.poll() is not None:
                sys.exit("The sandboxes stopped, so the demo stops too.")
    finally:
        stopping.set()
        sandbox.terminate()
        sandbox.wait(timeout=10)


def _port() -> int:
    parser = argparse.ArgumentParser(prog="portal.demo")
    parser.add_argument("--port", type=int, default=demo_settings.PORT)
    port: int = parser.parse_args().port
    if not 0 < port <= _PORT_MAX:
        parser.error(f"a port is a number from 1 to {_PORT_MAX}")
    return port


def _addresses(port: int) -> dict[str, str]:
    names = ("url", "stripe_url", "easybill_url")
    return {name: f"http://127.0.0.1:{port + place}" for place, name in enumerate(names)}


def _write(path: Path, description: dict[str, Any]) -> None:
    """Replace the file whole: it has the only copies of the demo's tokens."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    fresh.replace(path)


def _start_sandbox(settings: Settings, port: int) -> subprocess.Popen[str]:
    """Start the stand-ins as a process of their own; it ends when we do, however we end."""
    arguments = ["--stripe-port", str(port + 1), "--easybill-port", str(port + 2)]
    arguments += ["--state", str(settings.var / "sandbox"), "--exit-with-stdin"]
    arguments += ["--webhook-url", f"{settings.portal_url}/webhooks/stripe"]
    arguments += ["--webhook-secret-env", _SECRET_NAME]
    return subprocess.Popen(  # noqa: S603 -- our own module, our own arguments
        [sys.executable, "-m", "portal.sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {_SECRET_NAME: settings.stripe.webhook_secret},
        text=True,
    )


def _prepare(settings: Settings, demo_file: Path, known: dict[str, Any]) -> None:
    """Bring the database up to date and, the first time, fill it."""
    flask_migrate.upgrade()
    now = utc_now()
    is_new = seed.seed(now=now) is not None
    _wait_for(settings.easybill.api_base)
    if is_new:
        history.play(
            first=seed.first_month(now),
            now=now,
            grace_days=settings.close_grace_days,
            easybill=easybill(),
            stripe=stripe(),
        )
    _write(demo_file, people.description(settings, people.known_tokens(known), now=now))
    db.session.remove()


def _wait_for(url: str) -> None:
    """Wait until a sandbox answers, whatever it answers."""
    deadline = time.monotonic() + _SANDBOX_READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 -- loopback, from our own settings
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"The sandboxes did not start within {_SANDBOX_READY_SECONDS} seconds.")


def _serve(app: Flask, port: int, stopping: threading.Event) -> None:
    server = create_server(app, host="127.0.0.1", port=port, threads=8, ident=None)
    threading.Thread(target=server.run, daemon=True).start()
    threading.Thread(target=_work, args=(app, stopping), daemon=True).start()
    threading.Thread(target=clockwork.follow_stripe, args=(app, stopping), daemon=True).start()


def _work(app: Flask, stopping: threading.Event) -> None:
    """Let time pass: collectors report, the clock runs."""
    while not stopping.is_set():
        with app.app_context():
            seed.collect(now=utc_now())
            clockwork.tick_safely(stopping)
            clockwork.rest(_TICK_SECONDS, stopping)


def _announce(description: dict[str, Any]) -> None:
    lines = ["", f"The portal is at {description['url']}", "", "Sign in as"]
    width = max(len(each["login"]) for each in description["people"])
    lines += [f"  {each['login']:{width}}  {each['preset']}" for each in description["people"]]
    lines += [f"with the password {people.PASSWORD}", "API tokens are in var/demo.json. Ctrl-C stops it."]
    print("\n".join(lines), flush=True)  # noqa: T201 -- this is what the command is for


if __name__ == "__main__":
    main()
