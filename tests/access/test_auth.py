"""Who is asking: one request has one identity, and it is never guessed (SECURITY.md, S5 and S6)."""

import datetime as dt
from uuid import uuid4

import pytest
from sqlalchemy import delete, select

from portal.domain import tokens
from portal.domain.access import Preset
from portal.models import Account, ApiToken, Membership, UserSession
from portal.storage import db
from tests.factories import (
    NOW,
    PASSWORD,
    make_account,
    make_member,
    make_organization,
    make_product,
    make_subscription,
    make_token,
)
from tests.page import JSON, bearer, client_of

NEVER = {"junk": "junk", "empty": "", "well formed but unknown": tokens.mint()}


@pytest.fixture
def other(app):
    """A second organization, with one subscription."""
    organization = make_organization("Other AG")
    make_subscription(organization, make_product())
    return organization


@pytest.fixture
def token_of_other(other):
    return make_token(other, make_member(other, Preset.ADMIN))


@pytest.fixture
def cookie(admin):
    """A client that holds the session cookie of an admin of Acme, and has looked at a page."""
    admin.get("/account")
    return admin


def row_of(token):
    return db.session.scalar(select(ApiToken).where(ApiToken.token_sha256 == tokens.fingerprint(token)))


# -- one identity ---------------------------------------------------------------------------------------
def test_a_token_acts_for_its_owner_in_its_organization(nobody, other, token_of_other):
    (found,) = nobody.json("/subscriptions", headers=bearer(token_of_other))
    assert found["organization_id"] == str(other.uid)


def test_a_cookie_beside_a_token_is_not_read(cookie, acme, other, token_of_other):
    (found,) = cookie.json("/subscriptions", headers=bearer(token_of_other))
    assert found["organization_id"] == str(other.uid)
    address = f"/subscriptions?organization_id={acme.uid}"
    assert cookie.get(address, headers=bearer(token_of_other)).status_code == 404


def test_the_cookie_is_still_good_after_a_request_with_a_token(cookie, acme, token_of_other):
    cookie.get("/subscriptions", headers=bearer(token_of_other))
    assert cookie.json("/subscriptions") == []


@pytest.mark.parametrize("token", NEVER.values(), ids=NEVER)
def test_a_cookie_beside_a_malformed_token_is_401(cookie, token):
    assert cookie.get("/subscriptions", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "bpk_x", "Digest x", "Token x", " "])
def test_a_cookie_beside_any_other_authorization_is_401(cookie, value):
    assert cookie.get("/subscriptions", headers={"Authorization": value}).status_code == 401


def test_an_expired_token_is_401_beside_a_cookie(cookie, acme, clock):
    token = make_token(acme, make_member(acme))
    row_of(token).expires_at = NOW + dt.timedelta(hours=1)
    db.session.commit()
    assert cookie.get("/subscriptions", headers=bearer(token)).status_code == 200
    clock.at = NOW + dt.timedelta(hours=1)
    assert cookie.get("/subscriptions", headers=bearer(token)).status_code == 401


def test_a_revoked_token_is_401_on_the_next_request(cookie, acme):
    token = make_token(acme, make_member(acme))
    assert cookie.get("/subscriptions", headers=bearer(token)).status_code == 200
    row_of(token).revoked_at = NOW
    db.session.commit()
    assert cookie.get("/subscriptions", headers=bearer(token)).status_code == 401


def test_a_token_with_a_typing_error_is_401(nobody, token_of_other):
    wrong = token_of_other[:-1] + ("0" if token_of_other[-1] != "0" else "1")
    assert nobody.get("/subscriptions", headers=bearer(wrong)).status_code == 401


def test_the_word_bearer_may_be_written_in_any_case(nobody, token_of_other):
    headers = {"Authorization": f"bearer {token_of_other}"}
    assert nobody.get("/subscriptions", headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "api_token", "authorization", "api_key"])
def test_a_token_in_the_query_is_not_looked_at(nobody, token_of_other, name):
    assert nobody.get(f"/subscriptions?{name}={token_of_other}", headers=JSON).status_code == 401


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_never_sets_a_cookie(cookie, token_of_other, method):
    every_kind = (bearer(token_of_other), bearer("junk"), {"Authorization": "Basic YTpi"})
    for url in ("/subscriptions", "/account", "/login", "/nowhere", "/logout"):
        for headers in every_kind:
            response = getattr(cookie, method)(url, headers=headers)
            assert response.headers.getlist("Set-Cookie") == [], (url, headers)


def test_a_stray_remember_cookie_does_not_shut_out_a_token(nobody, token_of_other):
    nobody.set_cookie("remember_token", "1|junk")
    assert nobody.get("/subscriptions", headers=bearer(token_of_other)).status_code == 200


def test_a_forged_remember_cookie_signs_nobody_in(nobody):
    nobody.set_cookie("remember_token", "1|junk")
    assert nobody.get("/subscriptions", headers=JSON).status_code == 401


def test_a_token_is_answered_with_json_unless_it_prefers_html(nobody, token_of_other):
    assert nobody.get("/subscriptions", headers=bearer(token_of_other)).mimetype == "application/json"
    wants_html = bearer(token_of_other) | {"Accept": "text/html"}
    assert nobody.get("/subscriptions", headers=wants_html).mimetype == "text/html"


def test_the_last_use_of_a_token_is_noted_once_a_minute(nobody, acme, clock):
    token = make_token(acme, make_member(acme))
    seen = []
    for seconds in (0, 59, 60):
        clock.at = NOW + dt.timedelta(seconds=seconds)
        nobody.get("/subscriptions", headers=bearer(token))
        seen.append(row_of(token).last_used_at - NOW)
    assert seen == [dt.timedelta(seconds=seconds) for seconds in (0, 0, 60)]


# -- what its owner may do ------------------------------------------------------------------------------
def test_a_token_has_its_owners_rights_and_no_more(nobody, acme):
    token = make_token(acme, make_member(acme, Preset.OPERATOR))
    assert nobody.get("/subscriptions", headers=bearer(token)).status_code == 403


def test_a_token_loses_the_rights_that_its_owner_loses(nobody, acme):
    owner = make_member(acme, Preset.ADMIN)
    token = make_token(acme, owner)
    make_member(acme, Preset.OPERATOR, owner)
    assert nobody.get("/subscriptions", headers=bearer(token)).status_code == 403


def test_a_token_of_somebody_who_left_sees_nothing(nobody, acme):
    owner = make_member(acme, Preset.ADMIN)
    token = make_token(acme, owner)
    db.session.execute(delete(Membership).where(Membership.account_id == owner.id))
    db.session.commit()
    assert nobody.get("/subscriptions", headers=bearer(token)).status_code in {403, 404}


def test_a_token_sees_one_organization_however_many_its_owner_has(nobody, acme, other):
    owner = make_member(other, Preset.ADMIN, make_member(acme, Preset.ADMIN))
    token = make_token(acme, owner)
    assert nobody.get("/subscriptions", headers=bearer(token)).json == []
    address = f"/subscriptions?organization_id={other.uid}"
    assert nobody.get(address, headers=bearer(token)).status_code == 404


def test_an_account_that_is_gone_is_signed_out(sign_in, app):
    account = make_account()
    client = sign_in(account)
    db.session.execute(delete(UserSession))
    db.session.execute(delete(Account).where(Account.id == account.id))
    db.session.commit()
    assert client.get("/account").status_code == 303


# -- forged requests ------------------------------------------------------------------------------------
def theme_of(account_id):
    return db.session.scalar(select(Account.theme).where(Account.id == account_id))


@pytest.fixture
def person(acme):
    return make_member(acme, Preset.ADMIN)


def test_a_form_without_a_csrf_token_is_400_on_a_page(sign_in, person):
    client = sign_in(person)
    response = client.post("/account", data={"theme": "dark"})
    assert response.status_code == 400
    assert "Reload it and try again" in response.text
    assert theme_of(person.id) == "system"


def test_a_form_without_a_csrf_token_is_400_as_json(sign_in, person):
    response = sign_in(person).post("/account", data={"theme": "dark"}, headers=JSON)
    assert response.status_code == 400
    assert response.json["errors"][0]["code"] == "bad_request"
    assert theme_of(person.id) == "system"


def test_a_form_without_a_csrf_token_is_400_as_a_notice(sign_in, person):
    response = sign_in(person).post("/account", data={"theme": "dark"}, headers={"HX-Request": "true"})
    assert response.status_code == 400
    assert response.headers["HX-Retarget"] == "#notices"
    assert theme_of(person.id) == "system"


def test_a_csrf_token_of_somebody_else_is_400(sign_in, person, acme):
    stranger = sign_in(make_member(acme))
    stranger.get("/account")
    client = sign_in(person)
    client.get("/account")
    response = client.post("/account", data={"theme": "dark", "csrf_token": stranger.csrf_token})
    assert response.status_code == 400


def test_a_body_of_json_does_not_excuse_from_the_csrf_token(cookie, acme):
    url = f"/organizations/{acme.uid}/payment_methods/create_and_attach"
    response = cookie.post(url, json={"payment_method_id": "pm_1"}, headers=JSON)
    assert response.status_code == 400
    assert response.json["errors"][0]["code"] == "bad_request"


def test_signing_in_without_a_csrf_token_is_400(nobody, person):
    form = {"login": person.login, "password": PASSWORD}
    assert nobody.post("/login", data=form).status_code == 400


def test_a_csrf_token_in_the_form_is_accepted(sign_in, person):
    assert sign_in(person).submit("/account", theme="dark").status_code == 303
    assert theme_of(person.id) == "dark"


def test_a_csrf_token_in_the_header_is_accepted(sign_in, person):
    client = sign_in(person)
    client.get("/account")
    headers = {"X-CSRFToken": client.csrf_token}
    assert client.post("/account", data={"theme": "dark"}, headers=headers).status_code == 303


def test_a_malformed_bearer_token_does_not_excuse_from_the_csrf_token(sign_in, person):
    client = sign_in(person)
    response = client.post("/account", data={"theme": "dark"}, headers=bearer("junk"))
    assert response.status_code == 401
    assert theme_of(person.id) == "system"


def test_a_request_with_a_valid_bearer_token_needs_no_csrf_token(nobody, acme, person):
    headers = bearer(make_token(acme, person)) | JSON
    url = f"/organizations/{acme.uid}/payment_methods/create_and_attach"
    response = nobody.post(url, json={"wrong": 1}, headers=headers)
    assert response.status_code == 422


def test_a_get_that_claims_to_be_a_post_changes_nothing(sign_in, person):
    client = sign_in(person)
    client.get("/account?theme=dark&_method=POST", headers={"X-HTTP-Method-Override": "POST"})
    assert theme_of(person.id) == "system"


# -- organizations --------------------------------------------------------------------------------------
def test_a_member_without_the_permission_to_read_billing_gets_a_page_that_says_so(operator):
    page = operator.page("/subscriptions", 403)
    assert page.h1.text == "You may not see this"
    assert "permission to read billing" in page.text


def test_a_viewer_may_read_payment_methods_and_not_change_them(viewer, acme):
    url = f"/organizations/{acme.uid}/payment_methods"
    viewer.get("/account")
    headers = JSON | {"X-CSRFToken": viewer.csrf_token}
    assert viewer.get(url).status_code == 200
    assert viewer.post(f"{url}/payment_intent", headers=headers).status_code == 403


@pytest.mark.parametrize("accept", [{}, JSON], ids=["page", "json"])
def test_a_foreign_organization_and_an_organization_that_does_not_exist_are_the_same_404(
    admin, other, accept
):
    answers = [
        admin.get(f"/subscriptions?organization_id={uid}", headers=accept) for uid in (other.uid, uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    shown = [answer.text.replace(answer.headers["X-Request-Id"], "") for answer in answers]
    assert "Other AG" not in shown[0]
    if accept:
        assert shown[0] == shown[1]


def test_a_foreign_organization_in_the_path_is_404(admin, other):
    assert admin.get(f"/organizations/{other.uid}/payment_methods", headers=JSON).status_code == 404


@pytest.mark.parametrize("text", ["1", "acme", "%00", "' OR 1=1", "550e8400-e29b-41d4-a716"])
def test_an_organization_that_is_no_uuid_is_422(admin, text):
    response = admin.get(f"/subscriptions?organization_id={text}", headers=JSON)
    assert response.status_code == 422
    assert response.json["errors"][0]["field"] == "organization_id"


def test_the_only_organization_of_an_account_needs_not_be_named(admin):
    assert admin.get("/subscriptions", headers=JSON).status_code == 200


def test_an_account_without_an_organization_gets_a_page_that_says_so(sign_in, app):
    page = sign_in(make_account()).page("/subscriptions", 403)
    assert "belongs to no organization" in page.text


@pytest.fixture
def both(acme, other, sign_in):
    """A client of somebody who belongs to Acme GmbH and to Other AG."""
    return sign_in(make_member(other, Preset.ADMIN, make_member(acme, Preset.ADMIN)))


def test_of_several_organizations_json_has_to_name_one(both):
    response = both.get("/subscriptions", headers=JSON)
    assert response.status_code == 422
    assert response.json["errors"][0]["field"] == "organization_id"


def test_of_several_organizations_json_gets_the_named_organization(both, acme, other):
    assert both.json(f"/subscriptions?organization_id={acme.uid}") == []
    (found,) = both.json(f"/subscriptions?organization_id={other.uid}")
    assert found["organization_id"] == str(other.uid)


def test_of_several_organizations_a_page_takes_the_first_by_name(both):
    assert both.page("/subscriptions").select_one(".who b").text == "Acme GmbH"


def test_of_several_organizations_a_page_stays_with_the_last_named_organization(both, other):
    both.page(f"/subscriptions?organization_id={other.uid}")
    assert both.page("/subscriptions").select_one(".who b").text == "Other AG"


def test_an_organization_in_the_path_becomes_the_current_organization(both, other):
    both.page(f"/organizations/{other.uid}/payment_methods")
    assert both.page("/subscriptions").select_one(".who b").text == "Other AG"


def test_the_current_organization_is_forgotten_when_its_member_leaves(acme, other, sign_in):
    account = make_member(other, Preset.ADMIN, make_member(acme, Preset.ADMIN))
    client = sign_in(account)
    client.page(f"/subscriptions?organization_id={other.uid}")
    db.session.execute(
        delete(Membership).where(Membership.account_id == account.id, Membership.organization_id == other.id)
    )
    db.session.commit()
    assert client.page("/subscriptions").select_one(".who b").text == "Acme GmbH"


# -- the way in and out ---------------------------------------------------------------------------------
def signed_in(app, account, url="/login"):
    client = client_of(app)
    client.get("/login")
    response = client.submit(url, login=account.login, password=PASSWORD)
    return client, response


def test_the_right_password_signs_in(app, person):
    client, response = signed_in(app, person)
    assert response.status_code == 303
    assert client.get("/account").status_code == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(app, person):
    client = client_of(app)
    client.get("/login")
    answers = [
        client.submit("/login", login=login, password="wrong password")
        for login in (person.login, "unknown@example.org")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("do not go together" in answer.text for answer in answers)


def test_signing_out_ends_access(app, person):
    client, _ = signed_in(app, person)
    client.get("/account")
    assert client.submit("/logout").status_code == 303
    assert client.get("/account").status_code == 303


HOSTILE = [
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "https://evil.test",
    "https:evil.test",
    "javascript:alert(1)",
    "/%09/evil.test",
    "/\t/evil.test",
    "/\n//evil.test",
    "evil.test",
    "@evil.test",
    "/..//evil.test",
    "http:///evil.test",
    " //evil.test",
    "/%5Cevil.test",
]


def test_no_return_address_of_signing_in_leads_to_another_host(app, person, sign_in):
    client = sign_in(person)
    for wanted in HOSTILE:
        location = client.get("/login", query_string={"next": wanted}).headers["Location"]
        assert location.startswith("/"), wanted
        assert not location.startswith(("//", "/\\", "/\t")), (wanted, location)


def test_the_page_requested_before_signing_in_is_shown_after_it(app, person):
    _, response = signed_in(app, person, "/login?next=/billing/usage?month%3D2026-01")
    assert response.headers["Location"] == "/billing/usage?month=2026-01"
