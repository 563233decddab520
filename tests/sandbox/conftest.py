import pytest

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
