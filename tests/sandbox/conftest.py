import threading
from contextlib import suppress

import pytest
from waitress.server import create_server

from portal.sandbox.stripe import create_app
from tests.sandbox.stripe_client import client_of


@pytest.fixture
def sandbox():
    app = create_app()
    yield app
    app.extensions["stripe_sandbox"].close()


@pytest.fixture
def api(sandbox):
    """The portal's server, with the secret key."""
    return client_of(sandbox)


@pytest.fixture
def browser_api(sandbox):
    """What Stripe.js does, with the publishable key."""
    return client_of(sandbox, "pk_test_sandbox")


@pytest.fixture
def customer(api):
    return api.customers.create({"email": "billing@acme.example", "name": "Acme"})


@pytest.fixture
def address(sandbox):
    """The same sandbox on a port of its own, for what only a connection can show."""
    server = create_server(sandbox, host="127.0.0.1", port=0, threads=8)
    threading.Thread(target=_run, args=(server,), daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    sandbox.extensions["stripe_sandbox"].faults.lift()
    server.close()


def _run(server):
    with suppress(OSError):  # its socket is closed while it listens
        server.run()
