"""A page of a portal that is not for customers says so above everything else."""

import dataclasses

import pytest

from portal.app import create_app
from portal.config import EASYBILL_API, STRIPE_API, Environment
from tests.page import client_of


@pytest.fixture
def banner(app):
    """Return the text of the banner at the sign-in of a portal with other settings, or None."""

    def of(environment, *, is_real=False, key="sk_test_1"):
        settings = app.extensions["portal.settings"]
        if is_real:
            stripe = dataclasses.replace(settings.stripe, api_base=STRIPE_API, secret_key=key)
            easybill = dataclasses.replace(settings.easybill, api_base=EASYBILL_API)
            settings = dataclasses.replace(settings, stripe=stripe, easybill=easybill)
        other = create_app(dataclasses.replace(settings, environment=environment))
        found = client_of(other).page("/login").select_one("aside.sandbox")
        return found and " ".join(found.text.split())

    return of


def test_a_page_with_stand_ins_says_what_it_is_and_that_no_money_moves(banner):
    sentence = "Payments and legal invoices go to stand-ins: no real money, no real documents."
    assert banner(Environment.DEMO) == f"Demo. {sentence}"
    assert banner(Environment.STAGING) == f"Staging. {sentence}"


def test_a_page_with_test_keys_says_that_payments_are_tests(banner):
    assert banner(Environment.STAGING, is_real=True) == "Staging. Payments are tests: no real money."
    assert banner(Environment.PRODUCTION, is_real=True) == "Test mode. Payments are tests: no real money."


def test_a_page_for_customers_has_no_banner(banner):
    assert banner(Environment.PRODUCTION, is_real=True, key="sk_live_1") is None
