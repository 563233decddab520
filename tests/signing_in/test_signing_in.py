"""Signing in and out: what is told to whom, and where a person goes afterwards."""

import re

import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup

from portal.access import passwords
from portal.account.directory import add_account
from portal.domain.access import Preset
from portal.models import Account
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_account, make_member
from tests.page import JSON

HOSTILE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/",
    "//evil.example/billing/usage",
    "//user:password@evil.example",
    "//[",
    "//[::1",
    "//evil\u2100.example",  # looks like a/c once it is normalized
    "/\\evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "/billing\\usage",
    "http://evil.example",
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE",
    "https:evil.example",
    "https:/evil.example",
    "http://[",
    "javascript:alert(1)",
    "data:text/html,hello",
    "evil.example",
    "evil.example/billing/usage",
    " //evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: theme=dark",
    "\u2028//evil.example",
    "/\x00/evil.example",
]


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN, make_account("ada@example.org"))


@pytest.fixture
def door(nobody):
    nobody.page("/login")
    return nobody


def sign_in(client, login="ada@example.org", password=PASSWORD, url="/login"):
    return client.submit(url, login=login, password=password)


def without_tokens(response, login):
    """Return a page without what differs from one request to the next, or from person to person."""
    return re.sub(r"ImF[\w.-]+|Ij[\w.-]+", "", response.text).replace(login, "")


def test_the_right_password_lets_an_account_sign_in(door, ada):
    response = sign_in(door)

    assert (response.status_code, response.location) == (303, "/")
    assert door.page("/").h1.text == "Acme GmbH"


@pytest.mark.parametrize("login", ["ADA@example.org", "Ada@Example.Org", "  ada@example.org "])
def test_the_case_of_an_address_does_not_matter_when_signing_in(door, ada, login):
    assert sign_in(door, login).status_code == 303


def test_the_address_of_an_account_is_kept_in_lower_case(door, acme):
    make_member(acme, Preset.VIEWER, add_account(" Grace@Example.ORG", "Grace", PASSWORD, now=NOW))

    assert sign_in(door, "grace@example.org").status_code == 303


def test_a_wrong_password_does_not_sign_in(door, ada):
    response = sign_in(door, password="wrong horse battery")

    assert response.status_code == 422
    assert "This address and password do not go together" in response.text
    assert door.get("/").location == "/login?next=/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_message(door, ada):
    wrong = sign_in(door, password="wrong horse battery")
    unknown = sign_in(door, "eve@example.org")

    assert wrong.status_code == unknown.status_code == 422
    assert without_tokens(wrong, "ada@example.org") == without_tokens(unknown, "eve@example.org")


def test_an_unknown_address_costs_a_password_hash_too(door, ada, monkeypatch):
    compared = []
    monkeypatch.setattr(passwords, "is_right", lambda _, stored: compared.append(stored))
    sign_in(door, "eve@example.org")

    assert compared == [None]


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("", PASSWORD),
        ("ada@example.org", ""),
        ("a" * 255, PASSWORD),
        ("ada@example.org", "x" * 257),
        ("ada\x00@example.org", PASSWORD),
        ("ada@example.org", f"{PASSWORD}\x00"),
        ("' OR 1=1 --", PASSWORD),
    ],
)
def test_an_unusable_address_or_password_does_not_sign_in(door, ada, login, password):
    assert sign_in(door, login, password).status_code == 422


def test_a_password_is_never_sent_back(door, ada):
    soup = BeautifulSoup(sign_in(door, password="wrong horse battery").text, "html.parser")

    assert "wrong horse" not in str(soup)
    assert soup.select_one("#login")["value"] == "ada@example.org"


def test_a_sign_in_form_without_its_csrf_token_is_refused(nobody, ada):
    response = nobody.post("/login", data={"login": "ada@example.org", "password": PASSWORD})

    assert response.status_code == 400


def test_a_weak_password_hash_is_made_anew(door, ada):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    ada.password_hash = weak
    sign_in(door)

    assert ada.password_hash != weak
    assert passwords.is_right(PASSWORD, ada.password_hash)


def test_a_password_hash_stays_after_a_wrong_password(door, ada):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    ada.password_hash = weak
    sign_in(door, password="wrong horse battery")

    assert db.session.get_one(Account, ada.id).password_hash == weak


def test_twenty_eight_hostile_return_addresses_are_tried():
    assert len(set(HOSTILE)) == 28


@pytest.mark.parametrize("target", HOSTILE)
def test_signing_in_never_leads_to_another_host(door, ada, target):
    response = door.post(
        "/login",
        query_string={"next": target},
        data={"csrf_token": door.csrf_token, "login": "ada@example.org", "password": PASSWORD},
    )

    assert (response.status_code, response.location) == (303, "/")
    assert "theme=dark" not in str(response.headers)


def test_a_signed_in_account_is_never_led_to_another_host(admin):
    for target in HOSTILE:
        response = admin.get("/login", query_string={"next": target})
        assert (response.status_code, response.location) == (303, "/"), target


def test_the_sign_in_form_is_shown_for_a_hostile_return_address_too(nobody):
    for target in HOSTILE:
        nobody.page("/login", query_string={"next": target})


@pytest.mark.parametrize(
    "target",
    ["/", "/invoices", "/billing/usage?month=2026-01&by=project", "/billing/usage?day=2026-01-13#hours"],
)
def test_signing_in_leads_to_the_path_in_the_portal_that_was_named(door, ada, target):
    response = door.post(
        "/login",
        query_string={"next": target},
        data={"csrf_token": door.csrf_token, "login": "ada@example.org", "password": PASSWORD},
    )

    assert response.location == target


def test_the_sign_in_form_keeps_the_path_to_go_to(nobody, ada):
    location = nobody.get("/billing/usage?month=2026-01").location
    form = nobody.page(location).select_one("form.form")
    response = sign_in(nobody, url=form["action"])

    assert response.location == "/billing/usage?month=2026-01"


def cookie_of(client):
    return client.get_cookie("session").value


def test_signing_in_begins_a_new_session(door, ada):
    with door.session_transaction() as session:
        session["planted"] = "by somebody else"
    before = cookie_of(door)
    sign_in(door)

    assert cookie_of(door) != before
    with door.session_transaction() as session:
        assert "planted" not in session


def test_a_planted_session_does_not_survive_signing_in(door, ada, mallory):
    with door.session_transaction() as session:
        session["_user_id"] = str(mallory.id)
    sign_in(door)

    assert "ada@example.org" in door.page("/account").text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(door, ada):
    header = sign_in(door).headers["Set-Cookie"]

    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Max-Age=43200" in header, "twelve hours, whatever time the browser takes it to be"
    assert "Expires=" not in header


def test_signing_out_ends_the_session(admin):
    admin.page("/account")
    response = admin.submit("/logout")

    assert (response.status_code, response.location) == (303, "/login")
    assert admin.get("/").location == "/login?next=/"


def test_a_link_cannot_sign_anybody_out(admin):
    assert admin.get("/logout").status_code == 405


def test_another_site_cannot_sign_anybody_out(admin):
    assert admin.post("/logout").status_code == 400
    admin.page("/account")


def test_a_visitor_cannot_sign_out(nobody):
    assert nobody.post("/logout").location == "/login?next=/"


def test_a_session_of_a_deleted_account_is_not_signed_in(door):
    with door.session_transaction() as session:
        session["_user_id"] = "4711"

    assert door.get("/").location == "/login?next=/"


def test_the_sign_in_page_has_no_json_face(nobody):
    assert nobody.get("/login", headers=JSON).status_code == 406
