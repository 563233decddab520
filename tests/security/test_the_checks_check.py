"""A rule that cannot fail proves nothing: each is broken here once, and found."""

import pytest
from flask import Blueprint
from sqlalchemy import select

import portal.app
from portal.access.auth import PUBLIC, Policy
from portal.app import create_app
from portal.models import Subscription
from portal.storage import db
from portal.web.renders import renders
from tests.house.test_routes import NOWHERE
from tests.house.test_templates import FORBIDDEN
from tests.page import bearer, check_fragment
from tests.security import test_tenants
from tests.settings import make_settings


def room_with(view, rule="/forgotten"):
    room = Blueprint("forgotten", __name__)
    room.add_url_rule(rule, "view", view)
    return room


def test_a_route_without_a_policy_stops_the_start(monkeypatch, tmp_path):
    monkeypatch.setattr(portal.app, "_ROOMS", (*portal.app._ROOMS, room_with(lambda: "")))
    with pytest.raises(RuntimeError, match=r"forgotten\.view"):
        create_app(make_settings("sqlite://", NOWHERE, tmp_path))


def test_a_route_with_a_parameter_that_nobody_attacks_fails_the_attack(monkeypatch, tmp_path):
    @Policy(PUBLIC)
    def view(thing_id: str) -> str:
        return thing_id

    monkeypatch.setattr(portal.app, "_ROOMS", (*portal.app._ROOMS, room_with(view, "/things/<thing_id>")))
    app = create_app(make_settings("sqlite://", NOWHERE, tmp_path))
    with pytest.raises(AssertionError, match="thing_id"):
        test_tenants.test_every_parameter_of_every_url_rule_is_attacked(app)


def test_a_view_that_forgets_its_organization_fails_the_attack(app, tenants):
    """It asks for every subscription there is, as a careless view would."""
    ours, theirs = tenants
    rightful = app.view_functions["subscriptions.index"]

    @Policy("billing:read")
    @renders("subscriptions/index.html", json=lambda page: page)
    def careless() -> list[str]:
        return [str(each.uid) for each in db.session.scalars(select(Subscription)).all()]

    app.view_functions["subscriptions.index"] = careless
    try:
        answer = app.test_client().get("/subscriptions", headers=bearer(ours.token))
    finally:
        app.view_functions["subscriptions.index"] = rightful
    assert answer.status_code == 500, "the fence of the tests stops it"
    assert str(ours.subscription) not in answer.text
    assert str(theirs.subscription) not in answer.text


@pytest.mark.parametrize(
    "text", ['<p onclick="f()">x</p>', '<p style="color: red">x</p>', "<script>f()</script>"]
)
def test_a_template_with_an_inline_script_fails_two_checks(text):
    from bs4 import BeautifulSoup

    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]
    with pytest.raises(AssertionError):
        check_fragment(BeautifulSoup(text, "html.parser"))
