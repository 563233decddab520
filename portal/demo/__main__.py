"""`python -m portal.demo --port 8000`: the portal, its sandboxes and its clock, until it is stopped."""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flask_migrate

from portal import config
from portal.app import create_app
from portal.config import Environment, Settings
from portal.config.seller import SettingsError
from portal.demo import history, people, reloading, seed, stand_ins
from portal.demo import settings as demo
from portal.demo.mails import show_mails
from portal.demo.progress import Progress, Report
from portal.demo.serving import serve
from portal.ledger import audit_heads
from portal.services import invoicing, stripe
from portal.stopping import Stopping, Works, exit_now
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from portal.timekeeping.fence import accept_clock, look_at_clock
from portal.web import log

_PORT_MAX = 65_533  # the sandboxes take the next two
_STOP_SECONDS = 6  # for work that goes on when the demo is stopped
_IS_FILLING = "is_filling"  # in the file of the demo, until it is filled


def main() -> None:
    """Serve the demo."""
    os.umask(0o077)
    arguments = _arguments()
    stopping = Stopping()
    stopping.at_signals()
    works = Works(stopping)
    if arguments.only_serve:
        works.begin("demo", partial(_only_serve, arguments.port, works, stopping))
        stopping.wait()
        works.end(_STOP_SECONDS)
    else:
        _run(arguments.port, works, stopping, is_reloading=arguments.reload)
    exit_now()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portal.demo")
    parser.add_argument("--port", type=int, default=demo.PORT)
    parser.add_argument("--reload", action="store_true", help="serve what changes on disk")
    parser.add_argument("--only-serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 0 < arguments.port <= _PORT_MAX:
        parser.error(f"a port is a number from 1 to {_PORT_MAX}")
    return arguments


def _run(port: int, works: Works, stopping: Stopping, *, is_reloading: bool) -> None:
    """Wait beside the sandboxes while the demo works, and end it before them."""
    var = _settings().var
    var.mkdir(parents=True, exist_ok=True)
    demo_file = var / "demo.json"
    description = json.loads(demo_file.read_text()) if demo_file.exists() else {}
    _write(demo_file, description | _addresses(port))  # so that every command finds the same sandboxes
    settings = _settings()
    _configure_log()
    if _IS_FILLING in description:
        _forget_half_a_demo(settings)
    progress = Progress()
    progress.step("starting the sandboxes")
    with stand_ins.running(settings, port) as sandbox:
        portal = _Demo(settings, sandbox, demo_file, description, progress, stopping)
        works.begin("demo", partial(portal.serve, port, works, is_reloading=is_reloading))
        while not stopping.wait(1) and sandbox.poll() is None:
            pass
        is_alone = not stopping.is_set()
        stopping.set()
        works.end(_STOP_SECONDS)
    if is_alone:
        sys.exit("The sandboxes stopped, so the demo stops too.")


def _forget_half_a_demo(settings: Settings) -> None:
    """Delete what a fill that was stopped has left; a database that is not the demo's own stays."""
    if settings.database_url != demo.database_url(settings.var):
        return
    shutil.rmtree(settings.var / "sandbox", ignore_errors=True)
    for path in settings.var.glob("portal.sqlite*"):
        path.unlink()


def _only_serve(port: int, works: Works, stopping: Stopping) -> None:
    """Serve a demo that is prepared, with templates as they are on disk."""
    reloading.end_with_stdin()
    settings = _settings()
    _configure_log()
    app = show_mails(create_app(settings))
    app.jinja_env.auto_reload = True
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()
    serve(app, port, works, stopping)


def _settings() -> Settings:
    """Return the demo's settings; nothing else is ever filled with a made-up year."""
    try:
        settings = config.from_environment(demo=demo.defaults)
    except SettingsError as error:
        sys.exit(f"The demo cannot start: {error}")
    if settings.environment is not Environment.DEMO:
        sys.exit(f"The demo cannot start: PORTAL_ENV={settings.environment} is not the demo.")
    return settings


def _configure_log() -> None:
    log.configure("WARNING")
    audit_heads.log.setLevel(logging.WARNING)  # nobody keeps the console of a demo


def _addresses(port: int) -> dict[str, str]:
    names = ("url", "stripe_url", "easybill_url")
    return {name: f"http://127.0.0.1:{port + offset}" for offset, name in enumerate(names)}


def _write(path: Path, description: dict[str, Any]) -> None:
    """Replace the file whole: it has the only copies of the demo's tokens."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class _Demo:
    """A demo that is about to be served: filled first, where it is new."""

    settings: Settings
    sandbox: subprocess.Popen[str]
    file: Path
    description: Mapping[str, Any]
    progress: Progress
    stopping: Stopping

    def serve(self, port: int, works: Works, *, is_reloading: bool) -> None:
        app = show_mails(create_app(self.settings))
        with app.app_context():
            self._prepare()
        self.stopping.raise_if_set()
        if is_reloading:
            works.begin("reload", partial(reloading.keep_serving, port, self.stopping))
        else:
            serve(app, port, works, self.stopping)
        _announce(json.loads(self.file.read_text()))

    def _prepare(self) -> None:
        """Bring the database up to date and, the first time, fill it."""
        self.progress.step("bringing the database up to date")
        flask_migrate.upgrade()
        _go_on_after_a_rest()
        now = utc_now()
        audit_heads.seal(now=now, reason="a demo from before there was a key")
        is_new = not seed.is_seeded()
        if is_new:
            _write(self.file, {**json.loads(self.file.read_text()), _IS_FILLING: True})
            self.progress.step("metering a year of usage")
            seed.seed(now=now, report=self._counter("hourly entries"))
        stand_ins.wait_for(self.sandbox, self.settings.easybill.api_base, self.stopping)
        if is_new:
            self.progress.step("billing it month by month")
            history.play(
                first=seed.first_month(now),
                now=now,
                grace_days=self.settings.close_grace_days,
                invoicing=invoicing(),
                stripe=stripe(),
                report=self._counter("months billed"),
            )
        tokens = people.known_tokens(self.description)
        _write(self.file, people.description(self.settings, tokens, now=now))
        db.session.remove()

    def _counter(self, unit: str) -> Report:
        """Count a step, and end it where the demo is told to stop."""
        count = self.progress.counter(unit)

        def count_or_stop(more: int) -> None:
            self.stopping.raise_if_set()
            count(more)

        return count_or_stop


def _go_on_after_a_rest() -> None:
    """Trust the clock of a demo that stood still for months: nobody is billed by it."""
    if look_at_clock().is_stopped:
        accept_clock(by="the demo", reason="A demo may rest.")


def _announce(description: dict[str, Any]) -> None:
    lines = ["", f"The portal is at {description['url']}", "", "Sign in as"]
    width = max(len(each["login"]) for each in description["people"])
    lines += [f"  {each['login']:{width}}  {each['preset']}" for each in description["people"]]
    lines += [f"with the password {people.PASSWORD}", "API tokens are in var/demo.json. Ctrl-C stops it."]
    print("\n".join(lines), flush=True)  # noqa: T201 -- this is what the command is for


if __name__ == "__main__":
    main()
