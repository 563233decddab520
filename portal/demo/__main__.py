"""`python -m portal.demo --port 8000`: the portal, its sandboxes and its clock, until it is stopped."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import flask_migrate

from portal import config
from portal.app import create_app
from portal.config import Environment, Settings
from portal.demo import history, people, reloading, seed, stand_ins
from portal.demo import settings as demo
from portal.demo.mails import show_mails
from portal.demo.progress import Progress
from portal.demo.serving import serve
from portal.ledger import audit_heads
from portal.seller import SettingsError
from portal.services import invoicing, stripe
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from portal.web import log

_PORT_MAX = 65_533  # the sandboxes take the next two


def main() -> None:
    """Serve the demo."""
    os.umask(0o077)
    arguments = _arguments()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    if arguments.only_serve:
        _only_serve(arguments.port, stopping)
    else:
        _run(arguments.port, stopping, is_reloading=arguments.reload)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portal.demo")
    parser.add_argument("--port", type=int, default=demo.PORT)
    parser.add_argument("--reload", action="store_true", help="serve what changes on disk")
    parser.add_argument("--only-serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 0 < arguments.port <= _PORT_MAX:
        parser.error(f"a port is a number from 1 to {_PORT_MAX}")
    return arguments


def _run(port: int, stopping: threading.Event, *, is_reloading: bool) -> None:
    var = _settings().var
    var.mkdir(parents=True, exist_ok=True)
    demo_file = var / "demo.json"
    description = json.loads(demo_file.read_text()) if demo_file.exists() else {}
    _write(demo_file, description | _addresses(port))  # so that every command finds the same sandboxes
    settings = _settings()
    log.configure("WARNING")
    progress = Progress()
    progress.step("starting the sandboxes")
    with stand_ins.running(settings, port) as sandbox:
        app = show_mails(create_app(settings))
        with app.app_context():
            _prepare(settings, sandbox, demo_file, description, progress)
        if is_reloading:
            threading.Thread(target=reloading.keep_serving, args=(port, stopping)).start()
        else:
            serve(app, port, stopping)
        _announce(json.loads(demo_file.read_text()))
        try:
            while not stopping.wait(1):
                if sandbox.poll() is not None:
                    sys.exit("The sandboxes stopped, so the demo stops too.")
        finally:
            stopping.set()


def _only_serve(port: int, stopping: threading.Event) -> None:
    """Serve a demo that is prepared, with templates as they are on disk."""
    reloading.end_with_stdin()
    settings = _settings()
    log.configure("WARNING")
    app = show_mails(create_app(settings))
    app.jinja_env.auto_reload = True
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
    serve(app, port, stopping)
    stopping.wait()


def _settings() -> Settings:
    """Return the demo's settings; nothing else is ever filled with a made-up year."""
    try:
        settings = config.from_environment(demo=demo.defaults)
    except SettingsError as error:
        sys.exit(f"The demo cannot start: {error}")
    if settings.environment is not Environment.DEMO:
        sys.exit(f"The demo cannot start: PORTAL_ENV={settings.environment} is not the demo.")
    return settings


def _addresses(port: int) -> dict[str, str]:
    names = ("url", "stripe_url", "easybill_url")
    return {name: f"http://127.0.0.1:{port + offset}" for offset, name in enumerate(names)}


def _write(path: Path, description: dict[str, Any]) -> None:
    """Replace the file whole: it has the only copies of the demo's tokens."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    fresh.replace(path)


def _prepare(
    settings: Settings,
    sandbox: subprocess.Popen[str],
    demo_file: Path,
    description: dict[str, Any],
    progress: Progress,
) -> None:
    """Bring the database up to date and, the first time, fill it."""
    progress.step("bringing the database up to date")
    flask_migrate.upgrade()
    now = utc_now()
    audit_heads.seal(now=now, reason="a demo from before there was a key")
    is_new = not seed.is_seeded()
    if is_new:
        progress.step("metering a year of usage")
        seed.seed(now=now, report=progress.counter("hourly entries"))
    stand_ins.wait_for(sandbox, settings.easybill.api_base)
    if is_new:
        progress.step("billing it month by month")
        history.play(
            first=seed.first_month(now),
            now=now,
            grace_days=settings.close_grace_days,
            invoicing=invoicing(),
            stripe=stripe(),
            report=progress.counter("months billed"),
        )
    _write(demo_file, people.description(settings, people.known_tokens(description), now=now))
    db.session.remove()


def _announce(description: dict[str, Any]) -> None:
    lines = ["", f"The portal is at {description['url']}", "", "Sign in as"]
    width = max(len(each["login"]) for each in description["people"])
    lines += [f"  {each['login']:{width}}  {each['preset']}" for each in description["people"]]
    lines += [f"with the password {people.PASSWORD}", "API tokens are in var/demo.json. Ctrl-C stops it."]
    print("\n".join(lines), flush=True)  # noqa: T201 -- this is what the command is for


if __name__ == "__main__":
    main()
