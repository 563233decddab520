"""A person who adds payment methods through the pages, with Stripe's stand-in answering over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from portal.models import Organization
from portal.storage import db
from tests.page import JSON, CheckingClient
from tests.payment_methods.browser import CARD, at_stripe, setup_id_of, type_in


@pytest.fixture
def stripe_url(sandboxes) -> str:
    return sandboxes.stripe_url


@pytest.fixture
def url(acme) -> str:
    return f"/organizations/{acme.uid}/payment_methods"


@dataclass
class Wallet:
    """Somebody's payment methods, and how they come to have them."""

    client: CheckingClient
    url: str
    stripe_url: str

    def post(self, path: str, **kwargs):
        headers = JSON | {"X-CSRFToken": self._token()} | kwargs.pop("headers", {})
        return self.client.open(f"{self.url}/{path}", method="POST", headers=headers, **kwargs)

    def send(self, method: str, path: str, **kwargs):
        headers = JSON | {"X-CSRFToken": self._token()}
        return self.client.open(f"{self.url}/{path}", method=method, headers=headers, **kwargs)

    def begin(self, **headers: str) -> str:
        answer = self.post("payment_intent", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json["client_secret"]

    def come_back(self, client_secret: str, **more: str):
        query = {"setup_intent": setup_id_of(client_secret), "setup_intent_client_secret": client_secret}
        return self.client.get(f"{self.url}/return", query_string=query | more)

    def add(self, method: dict[str, str] = CARD) -> dict:
        """Add one through Stripe's element, and return it as JSON."""
        before = {each["id"] for each in self.list()}
        client_secret = self.begin()
        type_in(self.stripe_url, client_secret, method)
        assert self.come_back(client_secret).status_code == 303
        return next(each for each in self.list() if each["id"] not in before)

    def list(self) -> list[dict]:
        return self.client.json(self.url)

    def default_at_stripe(self, organization: Organization) -> str | None:
        db.session.refresh(organization)
        customer = at_stripe(self.stripe_url, f"customers/{organization.stripe_customer_id}")
        return customer["invoice_settings"]["default_payment_method"]

    def _token(self) -> str:
        if not self.client.csrf_token:
            self.client.get(self.url)
        return self.client.csrf_token


@pytest.fixture
def wallet_of(stripe_url) -> Callable[[CheckingClient, Organization], Wallet]:
    def of(client: CheckingClient, organization: Organization) -> Wallet:
        return Wallet(client, f"/organizations/{organization.uid}/payment_methods", stripe_url)

    return of


@pytest.fixture
def wallet(admin, acme, wallet_of) -> Wallet:
    """The payment methods of Acme, in the hands of its admin."""
    return wallet_of(admin, acme)
