"""A new SECRET_KEY signs nobody out: what the one before it signed is believed while it is named."""

import dataclasses

import pytest

from portal.app import create_app
from portal.domain.access import Preset
from portal.storage import db
from tests.factories import PASSWORD, make_account, make_member
from tests.page import client_of

OLD, NEW, STRANGE = (
    "an old secret of the portal's tests",
    "a new secret of the portal's tests",
    "no secret of ours",
)


@pytest.fixture
def portal(app, clock):
    """Yield a browser at the same portal, restarted with other secrets; it brings its cookies along."""
    apps = []

    def restarted(secret, *fallbacks, browser=None):
        settings = app.extensions["portal.settings"]
        settings = dataclasses.replace(settings, secret_key=secret, secret_key_fallbacks=fallbacks)
        apps.append(create_app(settings, clock=clock))
        client = client_of(apps[-1])
        if browser is not None:
            client._cookies, client.csrf_token = browser._cookies, browser.csrf_token
        return client

    yield restarted
    for each in apps:
        with each.app_context():
            db.engine.dispose()


@pytest.fixture
def signed_in(portal, acme):
    make_member(acme, Preset.ADMIN, make_account("ada@example.org"))
    browser = portal(OLD)
    browser.page("/login")
    assert browser.submit("/login", login="ada@example.org", password=PASSWORD).status_code == 303
    browser.page("/account")
    return browser


def test_a_browser_stays_signed_in_when_the_secret_key_is_rotated(portal, signed_in):
    portal(NEW, OLD, browser=signed_in).page("/account")


def test_a_form_shown_before_the_secret_key_was_rotated_can_be_sent(portal, signed_in):
    browser = portal(NEW, OLD, browser=signed_in)
    assert browser.submit("/account", theme="dark").status_code == 303


def test_a_form_shown_after_the_rotation_has_a_token_of_the_new_secret(portal, signed_in):
    during = portal(NEW, OLD, browser=signed_in)
    during.page("/account")
    assert during.submit("/account", theme="dark").status_code == 303
    assert during.submit("/account", theme="light").status_code == 303
    assert during.csrf_token != signed_in.csrf_token


@pytest.mark.parametrize("fallbacks", [(), (STRANGE,)])
def test_a_session_cookie_signed_with_another_secret_is_refused(portal, signed_in, fallbacks):
    assert portal(NEW, *fallbacks, browser=signed_in).get("/account").status_code == 303
