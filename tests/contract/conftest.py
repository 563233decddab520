"""The providers as the portal meets them: the stand-in always, the real one when a test key is there."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import stripe

from portal.config import STRIPE_API
from portal.gateways.stripe import StripeGateway
from portal.gateways.stripe_shapes import NewCustomer

VARIABLE = "STRIPE_TEST_SECRET_KEY"
TEST_KEYS = ("sk_test_", "rk_test_")
NOT_SET = f"{VARIABLE} is not set"


class NoTestKeyError(Exception):
    """The key is not one of Stripe's test mode: this suite makes customers, so it is not used."""


def key_of_test_mode(environment: Mapping[str, str]) -> str | None:
    """Return the key with which the real Stripe may be asked, if there is one."""
    key = environment.get(VARIABLE)
    if key and not key.startswith(TEST_KEYS):
        raise NoTestKeyError(NoTestKeyError.__doc__)
    return key or None


@dataclass
class Provider:
    """The gateway, and beside it Stripe's own client for what a browser does and the gateway does not."""

    gateway: StripeGateway
    api: Any
    customer_ids: list[str] = field(default_factory=list)

    def create_customer(self, key: str | None = None, name: str = "Contract test") -> str:
        key = key or str(uuid4())
        who = NewCustomer(key=key, number="10001", name=name, email="billing@acme.example")
        customer_id = self.gateway.create_customer(who, f"customer-{key}")
        self.customer_ids.append(customer_id)
        return customer_id

    def forget(self) -> None:
        for customer_id in dict.fromkeys(self.customer_ids):
            self.api.customers.delete(customer_id)


@pytest.fixture(params=["sandbox", "stripe"])
def provider(request, sandboxes) -> Iterator[Provider]:
    if request.param == "sandbox":
        key, base, milliseconds = "sk_test_sandbox", sandboxes.stripe_url, 5_000
    else:
        given = key_of_test_mode(os.environ)
        if given is None:
            pytest.skip(NOT_SET)
        key, base, milliseconds = given, STRIPE_API, 20_000
    client = stripe.StripeClient(key, base_addresses={"api": base}, max_network_retries=2)
    provider = Provider(StripeGateway(key, base, milliseconds), client.v1)
    yield provider
    provider.forget()
