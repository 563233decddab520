"""API tokens: shown once, kept as a hash, with the rights of their owner and no more (SECURITY.md, S12)."""

import datetime as dt
import threading

import pytest
from sqlalchemy import select, update

from portal.domain import tokens
from portal.domain.access import Preset
from portal.domain.errors import UnauthorizedError
from portal.models import ApiToken, AuditEntry
from portal.storage import db
from portal.tokens import actions
from tests.factories import NOW, make_member, make_token
from tests.page import JSON, bearer, htmx


@pytest.fixture
def address(acme):
    return f"/organizations/{acme.uid}/tokens"


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


@pytest.fixture
def client(ada, sign_in):
    return sign_in(ada)


def works(client, token):
    return client.get("/subscriptions", headers=bearer(token)).status_code == 200


def test_a_person_makes_a_token_and_sees_it_once(client, nobody, address):
    client.page(address)
    response = client.submit(address, name="ci", lasts="30")
    assert response.status_code == 201
    soup = client.page(address)
    token = response.text.partition('id="minted">')[2].partition("<")[0]

    assert tokens.is_well_formed(token)
    assert works(nobody, token)
    assert token not in str(soup)
    assert tokens.shown_prefix(token) in str(soup)


def test_only_a_fingerprint_of_a_token_is_kept(acme, ada):
    token = make_token(acme, ada)
    row = db.session.scalars(select(ApiToken)).one()
    everything = " ".join(str(getattr(row, column.name)) for column in ApiToken.__table__.columns)

    assert row.token_sha256 == tokens.fingerprint(token)
    assert token not in everything


def test_a_program_makes_a_token_too(nobody, acme, ada, address):
    first = make_token(acme, ada)
    body = {"name": "ci", "expires_on": "2026-03-20", "read_only": True}
    response = nobody.post(address, json=body, headers=bearer(first))
    assert response.status_code == 201
    made = response.json

    assert made["name"] == "ci"
    assert made["read_only"] is True
    assert made["expires_at"] == "2026-03-20T00:00:00Z"
    assert works(nobody, made["token"])


def test_the_list_of_tokens_has_the_json_of_the_contract(nobody, acme, ada, address):
    token = make_token(acme, ada)
    [found] = nobody.json(address, headers=bearer(token))

    assert found == {
        "id": found["id"],
        "name": "test",
        "prefix": tokens.shown_prefix(token),
        "owner": ada.login,
        "read_only": False,
        "created_at": "2026-03-10T12:30:00Z",
        "last_used_at": "2026-03-10T12:30:00Z",
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "expires_on": "soon"}, "expires_on"),
        ({"name": "a", "expires_on": "2026-03-10"}, "expires_on"),
        ({"name": "a", "expires_on": "9999-12-31"}, "expires_on"),
        ({"name": "a", "read_only": "yes"}, "read_only"),
        ({"name": "a", "account_id": 1}, "account_id"),
        ({"name": "a", "organization_id": "x"}, "organization_id"),
    ],
)
def test_an_unusable_field_of_a_new_token_is_named(nobody, acme, ada, address, body, field):
    response = nobody.post(address, json=body, headers=bearer(make_token(acme, ada)))

    assert response.status_code == 422
    assert field in response.json["errors"][0]["meta"]["validation_errors"]


def test_the_form_of_a_token_refuses_an_unknown_field(client, address):
    client.page(address)

    assert client.submit(address, name="ci", lasts="30", account_id="1").status_code == 422
    assert db.session.scalars(select(ApiToken)).all() == []


def test_a_read_only_token_changes_nothing(nobody, acme, ada, address):
    token = make_token(acme, ada, is_read_only=True)

    assert works(nobody, token)
    assert nobody.post(address, json={"name": "more"}, headers=bearer(token)).status_code == 403


def test_a_token_ends_when_it_expires(nobody, acme, ada, clock):
    token = make_token(acme, ada, expires_at=NOW + dt.timedelta(days=1))
    clock.at = NOW + dt.timedelta(hours=23)
    assert works(nobody, token)
    clock.at = NOW + dt.timedelta(days=1)

    assert nobody.get("/subscriptions", headers=bearer(token)).status_code == 401


def test_a_token_ends_when_it_is_revoked(client, nobody, acme, ada, address):
    token = make_token(acme, ada)
    form = client.page(address).select_one(".panel table form")
    assert client.submit(form["action"]).status_code == 303

    assert nobody.get("/subscriptions", headers=bearer(token)).status_code == 401
    assert client.json(address) == []


def test_a_program_revokes_its_own_token(nobody, acme, ada, address):
    token = make_token(acme, ada)
    [row] = nobody.json(address, headers=bearer(token))

    assert nobody.delete(f"{address}/{row['id']}", headers=bearer(token)).status_code == 204
    assert not works(nobody, token)


def test_tokens_made_with_a_token_end_with_it(client, nobody, acme, ada, address):
    first = make_token(acme, ada)
    second = nobody.post(address, json={"name": "2"}, headers=bearer(first)).json["token"]
    third = nobody.post(address, json={"name": "3"}, headers=bearer(second)).json["token"]
    uid = next(each["id"] for each in client.json(address) if each["name"] == "test")
    client.page(address)
    client.submit(f"{address}/{uid}/remove")

    assert [works(nobody, each) for each in (first, second, third)] == [False] * 3


def test_a_token_made_with_a_token_expires_with_it(nobody, acme, ada, address):
    first = make_token(acme, ada, expires_at=NOW + dt.timedelta(days=1))
    made = nobody.post(address, json={"name": "2"}, headers=bearer(first)).json

    assert made["expires_at"] == "2026-03-11T12:30:00Z"


def test_a_member_sees_and_revokes_only_their_own_tokens(nobody, acme, ada, address):
    viewer = make_member(acme, Preset.VIEWER)
    theirs, own = make_token(acme, ada), make_token(acme, viewer)
    [row] = nobody.json(address, headers=bearer(own))
    assert row["owner"] == viewer.login
    hers = next(
        each["id"] for each in nobody.json(address, headers=bearer(theirs)) if each["id"] != row["id"]
    )

    assert nobody.delete(f"{address}/{hers}", headers=bearer(own)).status_code == 404
    assert works(nobody, theirs)


def test_an_admin_revokes_everybodys_tokens(nobody, acme, ada, address):
    viewers = make_token(acme, make_member(acme, Preset.VIEWER))
    mine = make_token(acme, ada)
    uid = next(e["id"] for e in nobody.json(address, headers=bearer(mine)) if e["owner"] != ada.login)

    assert nobody.delete(f"{address}/{uid}", headers=bearer(mine)).status_code == 204
    assert not works(nobody, viewers)


def test_the_tokens_of_another_organization_are_404(client, mallory, nobody, address):
    from tests.factories import make_organization

    theirs = make_organization("Theirs")
    token = make_token(theirs, make_member(theirs, Preset.ADMIN))

    assert nobody.get(address, headers=bearer(token)).status_code == 404
    assert nobody.post(address, json={"name": "x"}, headers=bearer(token)).status_code == 404


def test_making_and_revoking_a_token_is_in_the_audit_trail_without_the_token(nobody, acme, ada, address):
    token = make_token(acme, ada)
    [row] = nobody.json(address, headers=bearer(token))
    nobody.delete(f"{address}/{row['id']}", headers=bearer(token))
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[1:]

    assert [entry.action for entry in entries] == ["token.made", "token.revoked"]
    assert entries[1].actor == f"{ada.login} (token {tokens.shown_prefix(token)})"
    assert entries[1].request_id
    assert token not in str([(entry.subject, entry.before, entry.after) for entry in entries])


def test_a_long_list_of_tokens_comes_in_slices(nobody, acme, ada, address):
    token = make_token(acme, ada)
    for _ in range(3):
        make_token(acme, ada)
    first = nobody.get(f"{address}?limit=3", headers=bearer(token))
    rest = nobody.get(first.headers["Link"].partition("<")[2].partition(">")[0], headers=bearer(token))

    assert [len(first.json), len(rest.json)] == [3, 1]


def test_the_list_of_tokens_is_a_fragment(client, address):
    response = client.get(address, headers=htmx("token_list"))

    assert response.text.strip().startswith('<section class="panel" id="token_list"')


def test_an_idempotency_key_is_no_way_to_see_a_token_again(nobody, acme, ada, address):
    headers = bearer(make_token(acme, ada)) | {"Idempotency-Key": "k"}
    answers = [nobody.post(address, json={"name": "x"}, headers=headers).json["token"] for _ in range(2)]

    assert answers[0] != answers[1]


def test_a_signed_in_browser_makes_a_token_with_json(client, address):
    client.page(address)
    headers = JSON | {"X-CSRFToken": client.csrf_token}

    assert client.post(address, json={"name": "x"}, headers=headers).status_code == 201


def test_a_program_that_sends_a_form_for_a_token_is_415(nobody, acme, ada, address):
    headers = bearer(make_token(acme, ada)) | JSON
    response = nobody.post(address, data={"name": "ci", "lasts": "30"}, headers=headers)

    assert response.status_code == 415
    assert response.json["errors"][0]["code"] == "unsupported_media_type"


# -- a token that is being revoked -----------------------------------------------------------------------
def test_a_token_that_is_revoked_during_its_request_makes_no_token(acme, ada):
    make_token(acme, ada)
    parent = db.session.scalars(select(ApiToken)).one()
    other = update(ApiToken).where(ApiToken.organization_id == acme.id).values(revoked_at=NOW)
    db.session.execute(other.execution_options(synchronize_session=False))
    with pytest.raises(UnauthorizedError):
        actions.make_token(acme, ada, "child", now=NOW, parent=parent)
    db.session.rollback()


def test_no_token_outlives_a_concurrent_revocation_of_its_parent(app, nobody, acme, ada, address):
    parent, mine = make_token(acme, ada), make_token(acme, ada)
    uid = next(e["id"] for e in nobody.json(address, headers=bearer(mine)) if e["prefix"] == parent[:8])
    children, gate = [], threading.Barrier(4)

    def make():
        with app.app_context():
            client = app.test_client()
            gate.wait()
            for _ in range(6):
                made = client.post(address, json={"name": "kid"}, headers=bearer(parent))
                children.extend([made.json["token"]] if made.status_code == 201 else [])

    db.session.commit()
    threads = [threading.Thread(target=make) for _ in range(3)]
    for each in threads:
        each.start()
    gate.wait()
    assert nobody.delete(f"{address}/{uid}", headers=bearer(mine)).status_code == 204
    for each in threads:
        each.join()

    assert [child for child in children if works(nobody, child)] == []


def test_a_long_chain_of_tokens_is_revoked_whole(nobody, acme, ada, address):
    first = chain = make_token(acme, ada)
    for _ in range(60):
        chain = nobody.post(address, json={"name": "next"}, headers=bearer(chain)).json["token"]
    mine = make_token(acme, ada)
    uid = next(
        e["id"] for e in nobody.json(f"{address}?limit=200", headers=bearer(mine)) if e["prefix"] == first[:8]
    )
    nobody.delete(f"{address}/{uid}", headers=bearer(mine))

    assert not works(nobody, chain)


def test_a_person_has_a_hundred_tokens_at_most(nobody, acme, ada, address, monkeypatch):
    monkeypatch.setattr(actions, "TOKENS_MAX", 2)
    token = make_token(acme, ada)
    answers = [nobody.post(address, json={"name": "x"}, headers=bearer(token)).status_code for _ in range(2)]

    assert answers == [201, 409]


def test_a_token_is_no_way_into_the_account_of_its_owner(client, nobody, acme, ada):
    client.page("/account")
    headers = bearer(make_token(acme, ada))

    assert nobody.get("/account", headers=headers).status_code == 403
    assert nobody.post("/account/sessions/end_others", headers=headers).status_code == 403
    assert nobody.post("/logout", headers=headers).status_code == 403
    client.page("/account")
