"""Puts the sandbox together as one Flask application."""

from pathlib import Path

from flask import Flask

from portal.sandbox.stripe import (
    routes_customers,
    routes_payment_methods,
    routes_records,
    routes_setup_intents,
)
from portal.sandbox.stripe.dispatch import register
from portal.sandbox.stripe.frontend import register_pages
from portal.sandbox.stripe.store import Store
from portal.sandbox.stripe.webhooks import Courier, configure_endpoint

ROUTES = (
    *routes_customers.ROUTES,
    *routes_payment_methods.ROUTES,
    *routes_setup_intents.ROUTES,
    *routes_records.ROUTES,
)
REQUEST_BYTES_MAX = 64 * 1024


class Sandbox:
    """What outlives a request; `app.extensions["stripe_sandbox"]`, so that a test can end it."""

    def __init__(self, store: Store, courier: Courier) -> None:
        self.store = store
        self.courier = courier

    def close(self) -> None:
        self.courier.stop()
        self.store.close()


def create_app(
    state: Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    retry_delays: tuple[float, ...] = (0.5, 1.5, 4.0),
) -> Flask:
    """Keep everything in the file `state`, or in memory; retry delays are in seconds."""
    if (webhook_url is None) != (webhook_secret is None):
        raise ValueError("A webhook needs both its URL and its secret.")
    store = Store(state)
    configure_endpoint(store, webhook_url, webhook_secret)
    courier = Courier(store, retry_delays)
    app = Flask(__name__, static_url_path="/assets")
    app.config["MAX_CONTENT_LENGTH"] = REQUEST_BYTES_MAX
    app.extensions["stripe_sandbox"] = Sandbox(store, courier)
    register(app, store, ROUTES, courier.wake)
    register_pages(app, store, courier.wake)
    courier.start()
    return app
