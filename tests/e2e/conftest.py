"""The portal as people meet it: Debian's Chromium, real servers on loopback, the demo's data."""

import datetime as dt
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from waitress.server import create_server

from portal.app import create_app, real_providers
from portal.demo import history, people, seed
from portal.demo.mails import show_mails
from portal.domain.period import Month
from portal.models import Organization
from portal.sandbox import easybill, stripe
from portal.serving.front import Front
from portal.serving.listening import listening_at
from portal.storage import db
from tests.settings import WEBHOOK_SECRET, Sandboxes, make_settings

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
MONTHS = 5
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class NoChromiumError(RuntimeError):
    """Chromium is not installed; `make test` installs it."""


@dataclass(frozen=True)
class Portal:
    """A running portal; `app` is the one that serves it."""

    url: str
    app: Flask

    def organization_id(self, name: str) -> str:
        with self.app.app_context():
            return str(db.session.query(Organization).filter_by(name=name).one().uid)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _serve(stand_in: Flask):
    server = create_server(stand_in, host="127.0.0.1", port=0, threads=8)
    threading.Thread(target=server.run, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def portal(tmp_path_factory) -> Iterator[Portal]:
    home: Path = tmp_path_factory.mktemp("portal")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    stand_ins = [
        stripe.create_app(webhook_url=f"{url}/webhooks/stripe", webhook_secret=WEBHOOK_SECRET),
        easybill.create_app(),
    ]
    servers = [_serve(each) for each in stand_ins]
    sandboxes = Sandboxes(*(f"http://127.0.0.1:{each.effective_port}" for each in servers))
    settings = make_settings(f"sqlite:///{home / 'portal.sqlite'}", sandboxes, home, url=url)
    providers = real_providers(settings)
    app = show_mails(create_app(settings, providers=providers, clock=lambda: NOW))
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(seed, "_MONTHS", MONTHS)
        flask_migrate.upgrade()
        seed.seed(now=NOW)
        history.play(
            first=Month.of(NOW).shifted(1 - MONTHS),
            now=NOW,
            grace_days=3,
            invoicing=providers.invoicing,
            stripe=providers.stripe,
        )
        db.session.remove()
    front = Front(app, listening_at("127.0.0.1", port), threads=8)
    threading.Thread(target=front.run, daemon=True).start()
    yield Portal(url, app)
    front.drain_soon(1)
    for each in servers:
        each.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise NoChromiumError(NoChromiumError.__doc__)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(chromium, portal) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        base_url=portal.url, locale="en-IE", viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context) -> Iterator[Page]:
    """A tab in which any message on the console fails the test."""
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.expected_messages = []
    yield page
    assert messages == page.expected_messages


def sign_in(page: Page, who: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address").fill(who)
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
