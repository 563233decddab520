"""Every endpoint says who may call it, and turns away whoever is not signed in; every fragment exists."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Blueprint, Flask
from jinja2 import meta

import portal.app
from portal.access import auth
from portal.access.auth import COLLECTOR, MEMBER, MONITOR, PUBLIC, SIGNED_IN, WEBHOOK, Policy, policy_of
from portal.app import create_app
from portal.config import ROOT
from portal.domain.access import ACTIONS, CATEGORIES
from portal.openapi.common import common
from portal.openapi.faces import faces_of
from tests.page import JSON
from tests.settings import NOWHERE, make_settings

PERMISSIONS = {f"{category}:{action}" for category in CATEGORIES for action in ACTIONS}
FAKES = {"uuid": uuid4, "int": lambda: 1, "default": lambda: "x", "string": lambda: "x", "path": lambda: "x"}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Flask:
    """The portal, assembled; its database is never asked."""
    return create_app(make_settings("sqlite://", NOWHERE, tmp_path_factory.mktemp("house")))


def rules_of(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def address_of(app, rule):
    """Return an address that a rule matches, of something that does not exist."""
    fakes = {
        name: FAKES[
            converter.__class__.__name__.removesuffix("Converter").lower().replace("unicode", "string")
        ]()
        for name, converter in rule._converters.items()
    }
    adapter = app.url_map.bind("localhost")
    return adapter.build(rule.endpoint, fakes, method=next(iter(rule.methods - {"OPTIONS", "HEAD"})))


def guarded(app):
    """Yield (method, rule, address) of all that needs somebody to be signed in."""
    for rule in rules_of(app):
        if policy_of(app, rule.endpoint) not in {PUBLIC, WEBHOOK, MONITOR}:
            for method in sorted(rule.methods - {"OPTIONS", "HEAD"}):
                yield method, rule, address_of(app, rule)


# -- rooms --------------------------------------------------------------------------------------------
def test_every_feature_with_routes_is_part_of_the_app(house):
    registered = {Path(blueprint.import_name.replace(".", "/")) for blueprint in house.blueprints.values()}
    written = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "portal").glob("*/routes.py")}
    assert registered == written


def test_every_feature_with_json_and_no_other_is_a_chapter_of_the_openapi_document(house):
    assert {face.room for face in faces_of(house)} == set(common()["rooms"])


# -- policies -----------------------------------------------------------------------------------------
def test_every_endpoint_has_a_policy(house):
    assert [name for name in house.view_functions if policy_of(house, name) is None] == []


def test_every_policy_of_an_endpoint_is_a_permission_or_a_special_word(house):
    wanted = {name: policy_of(house, name) for name in house.view_functions}
    known = PERMISSIONS | {PUBLIC, SIGNED_IN, MEMBER, WEBHOOK, COLLECTOR, MONITOR}
    assert {name: word for name, word in wanted.items() if word not in known} == {}


def test_only_listed_endpoints_are_public(house):
    public = {name for name in house.view_functions if policy_of(house, name) == PUBLIC}
    ways_in = {"signing_in.sign_in", "signing_in.forgot", "signing_in.reset", "mails.index"}
    assert public <= ways_in | {"static"} | {
        name for name in public if name.rpartition(".")[2] in {"openapi", "healthz", "readyz"}
    }


def test_every_unsafe_method_of_a_feature_needs_more_than_reading(house):
    lax = [
        (method, rule.rule)
        for method, rule, _ in guarded(house)
        if method not in {"GET", "HEAD"} and policy_of(house, rule.endpoint) == "billing:read"
    ]
    assert lax == []


def test_a_view_without_a_policy_is_refused():
    app = Flask("tiny")
    app.add_url_rule("/open", "open", lambda: "")
    with pytest.raises(RuntimeError, match="no policy is declared for open"):
        auth.refuse_views_without_policy(app)


def test_a_view_with_a_policy_is_not_refused():
    app = Flask("tiny")
    app.add_url_rule("/open", "open", Policy(PUBLIC)(lambda: ""))
    auth.refuse_views_without_policy(app)


def test_a_feature_with_a_view_without_a_policy_stops_the_start(monkeypatch, tmp_path):
    room = Blueprint("room", __name__)
    room.add_url_rule("/forgotten", "forgotten", lambda: "")
    monkeypatch.setattr(portal.app, "_ROOMS", (*portal.app._ROOMS, room))
    with pytest.raises(RuntimeError, match=r"room\.forgotten"):
        create_app(make_settings("sqlite://", NOWHERE, tmp_path))


def test_collectors_can_report_usage_and_nothing_else(house):
    theirs = [rule for rule in rules_of(house) if policy_of(house, rule.endpoint) == COLLECTOR]
    assert [(rule.rule, rule.methods - {"OPTIONS"}) for rule in theirs] == [("/billing/usage", {"POST"})]


# -- addresses ----------------------------------------------------------------------------------------
def test_no_url_of_the_portal_ends_in_a_slash(house):
    assert [rule.rule for rule in rules_of(house) if rule.rule != "/" and rule.rule.endswith("/")] == []


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/billing/usage", "billing:read"),
        ("POST", "/billing/usage", "collector"),
        ("GET", "/subscriptions", "billing:read"),
        ("GET", "/subscriptions/<id>", "billing:read"),
        ("GET", "/invoices", "billing:read"),
        ("GET", "/invoices/<id>", "billing:read"),
        ("GET", "/organizations/<id>/invoices", "billing:read"),
        ("GET", "/organizations/<id>/invoices/<id>", "billing:read"),
        ("GET", "/organizations/<id>/invoices/download", "billing:read"),
        ("GET", "/organizations/<id>/profile", "billing:read"),
        ("POST", "/organizations/<id>/profile", "billing:update"),
        ("PUT", "/organizations/<id>/profile", "billing:update"),
        ("GET", "/organizations/<id>/payment_methods", "billing:read"),
        ("POST", "/organizations/<id>/payment_methods/create_and_attach", "billing:update"),
        ("POST", "/organizations/<id>/payment_methods/payment_intent", "billing:update"),
        ("PUT", "/organizations/<id>/payment_methods/<id>/set_default", "billing:update"),
        ("POST", "/organizations/<id>/payment_methods/<id>/set_default", "billing:update"),
        ("DELETE", "/organizations/<id>/payment_methods/<id>", "billing:update"),
        ("POST", "/organizations/<id>/payment_methods/<id>/remove", "billing:update"),
    ],
)
def test_an_address_that_api_md_promises_exists_with_its_permission(house, method, path, wanted):
    found = {
        (each, re.sub(r"<[^>]+>", "<id>", rule.rule)): policy_of(house, rule.endpoint)
        for rule in rules_of(house)
        for each in rule.methods
    }
    assert found.get((method, path)) == wanted


# -- fragments ----------------------------------------------------------------------------------------
def faces(app):
    return {
        name: view.faces
        for name, view in app.view_functions.items()
        if getattr(view, "faces", None) is not None
    }


def source_with_parts(app, name):
    """Return the source of a template and of all that it includes or imports, its base left out."""
    source = app.jinja_env.loader.get_source(app.jinja_env, name)[0]
    tree = app.jinja_env.parse(source)
    parts = [part for part in meta.find_referenced_templates(tree) if part and part != "base.html"]
    return source + "".join(source_with_parts(app, part) for part in parts)


def test_the_account_page_is_among_the_views_with_faces(house):
    assert "account.index" in faces(house)


def test_the_template_of_every_view_exists(house):
    for template, _, _ in faces(house).values():
        assert house.jinja_env.get_template(template)


def test_every_allowed_fragment_is_a_block_of_its_template(house):
    missing = [
        (name, fragment)
        for name, (template, _, fragments) in faces(house).items()
        for fragment in fragments
        if fragment not in house.jinja_env.get_template(template).blocks
    ]
    assert missing == []


def test_every_allowed_fragment_has_an_element_with_its_id(house):
    missing = [
        (name, fragment)
        for name, (template, _, fragments) in faces(house).items()
        for fragment in fragments
        if f'id="{fragment}"' not in source_with_parts(house, template)
    ]
    assert missing == []


# -- nobody -------------------------------------------------------------------------------------------
def test_every_page_sends_a_visitor_to_sign_in(nobody):
    app = nobody.application
    for method, rule, address in guarded(app):
        if method == "GET":
            response = nobody.open(address, method="GET")
            assert response.status_code == 303, rule
            assert response.headers["Location"].startswith("/login?next="), rule


def test_every_method_of_every_rule_answers_a_visitor_with_401_as_json(nobody):
    app = nobody.application
    for method, rule, address in guarded(app):
        response = nobody.open(address, method=method, headers=JSON)
        assert response.status_code == 401, (method, rule)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.json["errors"][0]["code"] == "unauthorized"


def test_every_fragment_sends_a_visitor_to_sign_in(nobody):
    app = nobody.application
    for method, rule, address in guarded(app):
        response = nobody.open(address, method=method, headers={"HX-Request": "true"})
        assert response.status_code == 401, (method, rule)
        assert response.headers["HX-Redirect"].startswith("/login?next="), rule
        assert response.get_data() == b""


def test_no_answer_tells_a_visitor_whether_an_organization_exists(nobody, acme):
    address = f"/organizations/{acme.uid}/payment_methods"
    other = f"/organizations/{uuid4()}/payment_methods"
    answers = [nobody.open(each, method="GET", headers=JSON) for each in (address, other)]
    told = [{**answer.json, "request_id": None} for answer in answers]
    assert told[0] == told[1]
