"""Puts the sandbox together as one Flask application."""

from pathlib import Path

from flask import Flask

from portal.sandbox.stripe import (
    routes_customers,
    routes_payment_methods,
    routes_records,
    routes_setup_intents,
)
from portal.sandbox.stripe.dispatch import Api, register
from portal.sandbox.stripe.faults import Faults
from portal.sandbox.stripe.frontend import register_front_page, register_pages
from portal.sandbox.stripe.idempotency import KeysInUse
from portal.sandbox.stripe.later import Later
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
    """The parts that outlive a request; `app.extensions["stripe_sandbox"]`, so that a test can end it."""

    def __init__(self, store: Store, retry_delays: tuple[float, ...]) -> None:
        self.store = store
        self.faults = Faults()
        self.courier = Courier(store, retry_delays)
        self.later = Later(store, self.courier.wake)

    def start(self) -> None:
        self.courier.start()
        self.later.start()

    def wake(self) -> None:
        self.later.wake()
        self.courier.wake()

    def close(self) -> None:
        self.faults.lift()
        self.later.stop()
        self.courier.stop()
        self.store.close()


def create_app(
    state: Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    retry_delays: tuple[float, ...] = (0.5, 1.5, 4.0),
    late_seconds: float = 60.0,
) -> Flask:
    """Keep everything in the file `state`, or in memory; retry delays are in seconds.

    `late_seconds` is what a bank takes that answers late; at Stripe it is three minutes in test mode.
    """
    if (webhook_url is None) != (webhook_secret is None):
        raise ValueError("A webhook needs both its URL and its secret.")
    store = Store(state, late_seconds)
    configure_endpoint(store, webhook_url, webhook_secret)
    sandbox = Sandbox(store, retry_delays)
    app = Flask(__name__, static_url_path="/assets")
    app.config["MAX_CONTENT_LENGTH"] = REQUEST_BYTES_MAX
    app.extensions["stripe_sandbox"] = sandbox
    switches = (*sandbox.faults.routes(), *sandbox.courier.routes(), *sandbox.later.routes())
    register(app, Api(store, sandbox.faults, KeysInUse(), sandbox.wake), (*ROUTES, *switches))
    register_pages(app, store, sandbox.wake)
    register_front_page(app, store, sandbox.faults, sandbox.courier)
    sandbox.start()
    return app
