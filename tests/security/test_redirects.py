"""A provider that answers "go elsewhere" is not followed: keys go to its own address alone (S18)."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from portal.domain.errors import BillingError
from portal.gateways.easybill import EasybillGateway
from portal.gateways.stripe import StripeGateway


class Elsewhere(BaseHTTPRequestHandler):
    """Leads everybody on, and notes who came."""

    seen: list[str]

    def answer(self) -> None:
        self.seen.append(self.path)
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 -- names of the library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[HTTPServer]:
    Elsewhere.seen = []
    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_of_stripe_is_not_followed(provider):
    gateway = StripeGateway("sk_test_x", f"http://127.0.0.1:{provider.server_port}", 5000)
    with pytest.raises(BillingError):
        gateway.method_of("pm_1")
    assert Elsewhere.seen
    assert "/elsewhere" not in Elsewhere.seen


def test_a_redirect_of_easybill_is_not_followed(provider):
    gateway = EasybillGateway("key", f"http://127.0.0.1:{provider.server_port}", 5)
    with pytest.raises(BillingError):
        gateway.customer_by_number("1")
    assert Elsewhere.seen
    assert "/elsewhere" not in Elsewhere.seen
