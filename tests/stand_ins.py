"""The stand-ins for Stripe and EasyBill as tests meet them, held to what the providers describe.

A plugin of `tests/fixtures.py`.
"""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from waitress.server import create_server

from portal.sandbox import easybill, stripe
from tests import easybill_description
from tests.sandbox.stripe_watch import deviations_from_stripe  # noqa: F401 -- watches every test
from tests.settings import Sandboxes


@pytest.fixture(scope="session")
def stripe_stand_in() -> Flask:
    return stripe.create_app()


@pytest.fixture(scope="session")
def sandboxes(stripe_stand_in: Flask) -> Iterator[Sandboxes]:
    """Stripe and EasyBill, as servers on loopback; EasyBill's answers are as its description says."""
    easybill_app = easybill.create_app()
    faults = easybill_description.watch(easybill_app)
    servers = [
        create_server(each, host="127.0.0.1", port=0, threads=4) for each in (stripe_stand_in, easybill_app)
    ]
    threads = [threading.Thread(target=each.run, daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    urls = [f"http://127.0.0.1:{each.effective_port}" for each in servers]
    yield Sandboxes(*urls)
    for each in servers:
        each.close()
    assert not faults, sorted(set(faults))
