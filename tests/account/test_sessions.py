"""A session ends when it is ended, and a copied cookie with it (SECURITY.md, S7 and S15)."""

import datetime as dt

import pytest
from sqlalchemy import func, select

from portal.access import passwords, sessions
from portal.account import directory
from portal.domain.access import Preset
from portal.models import PasswordReset, UserSession
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_member
from tests.page import JSON, client_of


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


@pytest.fixture
def enter(app, ada):
    """Sign in through the form, in a browser of its own."""

    def through_the_form(agent="Mozilla/5.0 (X11; Linux) Firefox/140.0", password=PASSWORD):
        client = client_of(app)
        client.get("/login")
        data = {"csrf_token": client.csrf_token, "login": ada.login, "password": password}
        response = client.post("/login", data=data, headers={"User-Agent": agent})
        assert response.status_code == 303, response.text
        client.page("/account")
        return client

    return through_the_form


def copy_of(client):
    """Somebody who stole the cookie."""
    thief = client_of(client.application)
    thief.set_cookie("session", client.get_cookie("session").value)
    return thief


def is_in(client):
    return client.get("/invoices", headers=JSON).status_code == 200


def count():
    return db.session.scalar(select(func.count()).select_from(UserSession))


def test_a_session_cookie_names_nobody_and_its_id_is_kept_as_a_hash(enter, ada):
    client = enter()
    with client.session_transaction() as session:
        session_id = session["_user_id"]
    row = db.session.scalars(select(UserSession)).one()

    assert row.id_sha256 == sessions.fingerprint(session_id)
    assert len(session_id) == 43
    assert len(client.get_cookie("session").value) < 4096


def test_each_sign_in_has_its_own_session_id(enter):
    first, second = enter(), enter()

    assert first.get_cookie("session").value != second.get_cookie("session").value
    assert count() == 2


def test_signing_in_again_in_a_browser_ends_its_previous_session(enter, ada):
    client = enter()
    thief = copy_of(client)
    client.submit("/login", login=ada.login, password=PASSWORD)

    assert is_in(client)
    assert not is_in(thief)


def test_after_signing_out_a_copied_cookie_is_nobody(enter):
    client = enter()
    thief = copy_of(client)
    assert is_in(thief)
    client.submit("/logout")

    assert not is_in(thief)
    assert count() == 0


def test_a_new_password_ends_every_other_session(enter, ada):
    client, other = enter(), enter()
    client.submit("/account/password", current=PASSWORD, new="another long password")

    assert is_in(client)
    assert not is_in(other)
    assert passwords.is_right("another long password", ada.password_hash)


def test_another_role_ends_every_session_of_the_member(enter, acme, ada):
    client = enter()
    make_member(acme, Preset.VIEWER, ada)

    assert not is_in(client)


def test_setting_the_same_role_again_ends_no_session(enter, acme, ada):
    client = enter()
    make_member(acme, Preset.ADMIN, ada)

    assert is_in(client)


def test_a_removed_member_gets_404_on_the_next_request(enter, acme, ada):
    client = enter()
    directory.remove_membership(acme, ada)
    db.session.commit()

    assert client.get(f"/organizations/{acme.uid}/invoices", headers=JSON).status_code == 404
    assert client.get(f"/invoices?organization_id={acme.uid}", headers=JSON).status_code == 404


def test_a_session_ends_after_half_an_hour_without_a_request(enter, clock):
    client = enter()
    for minutes in (29, 58, 87):
        clock.at = NOW + dt.timedelta(minutes=minutes)
        assert is_in(client)
    clock.at += dt.timedelta(minutes=30)

    assert not is_in(client)


def test_a_session_ends_after_twelve_hours_even_if_it_is_in_use(enter, clock):
    client = enter()
    while clock.at < NOW + dt.timedelta(hours=12):
        assert is_in(client)
        clock.at += dt.timedelta(minutes=20)

    assert not is_in(client)


def test_the_last_use_of_a_session_is_noted_once_a_minute(enter, clock):
    client = enter()
    seen = []
    for seconds in (0, 59, 60):
        clock.at = NOW + dt.timedelta(seconds=seconds)
        is_in(client)
        db.session.expire_all()
        seen.append((db.session.scalars(select(UserSession.seen_at)).one() - NOW).seconds)

    assert seen == [0, 0, 60]


def test_the_account_page_says_where_an_account_is_signed_in(enter):
    enter("Mozilla/5.0 (iPhone) AppleWebKit Safari/604.1")
    here = enter()
    rows = here.page("/account").select('[aria-labelledby="sessions"] tbody tr')

    assert {row.th.text for row in rows} == {"Safari on iOS", "Firefox on Linux"}
    assert sum("this browser" in row.text for row in rows) == 1


def test_all_other_sessions_can_be_ended(enter):
    here, there = enter(), enter()
    here.submit("/account/sessions/end_others")

    assert is_in(here)
    assert not is_in(there)


def test_a_single_other_session_can_be_ended(enter):
    there, third, here = enter("Safari/1"), enter("OPR/1"), enter()
    page = here.page("/account")
    row = next(each for each in page.select("tbody tr") if "Safari" in each.text)
    here.submit(row.form["action"])

    assert [is_in(each) for each in (here, third, there)] == [True, True, False]


def test_nobody_ends_the_session_of_somebody_else(enter, mallory, sign_in):
    client = enter()
    uid = db.session.scalars(select(UserSession.uid)).one()
    sign_in(mallory).submit(f"/account/sessions/{uid}/end")

    assert is_in(client)


def test_ended_sessions_are_forgotten(enter, clock):
    enter()
    sessions.forget_dead(now=NOW + dt.timedelta(minutes=31))
    db.session.commit()

    assert count() == 0


# -- the password, typed again --------------------------------------------------------------------------
def test_after_a_quarter_of_an_hour_a_change_asks_for_the_password(enter, acme, clock):
    client = enter()
    clock.at = NOW + dt.timedelta(minutes=15)
    address = f"/organizations/{acme.uid}/tokens"
    client.page(address)
    response = client.submit(address, name="ci", lasts="30")

    assert (response.status_code, response.location) == (303, "/login/confirm?next=/")


def test_confirming_the_password_leads_back_to_the_page_that_was_shown(enter, acme, clock):
    client = enter()
    clock.at = NOW + dt.timedelta(minutes=15)
    address = f"/organizations/{acme.uid}/tokens"
    client.page(address)
    headers = {"Referer": f"http://localhost{address}?limit=2"}
    data = {"csrf_token": client.csrf_token, "name": "ci", "lasts": "30"}
    response = client.post(address, data=data, headers=headers)
    assert response.location == f"/login/confirm?next={address}?limit%3D2"
    client.page(response.location)

    back = client.submit(response.location, password=PASSWORD)
    assert back.location == f"{address}?limit=2"
    assert client.submit(address, name="ci", lasts="30").status_code == 201


def test_confirming_the_password_gives_the_session_another_id(enter):
    client = enter()
    thief = copy_of(client)
    client.page("/login/confirm")
    client.submit("/login/confirm", password=PASSWORD)

    assert is_in(client)
    assert not is_in(thief)
    assert count() == 1


def test_a_wrong_password_does_not_confirm_a_change(enter, acme, clock):
    client = enter()
    clock.at = NOW + dt.timedelta(minutes=15)
    client.page("/login/confirm")

    assert client.submit("/login/confirm", password="wrong horse battery").status_code == 422
    assert client.submit(f"/organizations/{acme.uid}/tokens", name="ci", lasts="30").status_code == 303


def test_a_program_with_an_old_session_cookie_is_told_to_confirm_the_password(enter, acme, clock):
    client = enter()
    clock.at = NOW + dt.timedelta(minutes=15)
    client.page("/account")
    headers = JSON | {"X-CSRFToken": client.csrf_token}
    response = client.post(f"/organizations/{acme.uid}/tokens", json={"name": "ci"}, headers=headers)

    assert response.status_code == 403
    assert "Type your password again" in response.json["errors"][0]["message"]


def test_htmx_is_sent_to_the_form_that_confirms_the_password(enter, acme, clock):
    client = enter()
    clock.at = NOW + dt.timedelta(minutes=15)
    client.page("/account")
    shown = f"http://localhost/organizations/{acme.uid}/tokens"
    headers = {"HX-Request": "true", "HX-Current-URL": shown, "X-CSRFToken": client.csrf_token}
    response = client.post(f"/organizations/{acme.uid}/tokens", headers=headers)

    assert response.headers["HX-Redirect"] == f"/login/confirm?next=/organizations/{acme.uid}/tokens"


# -- a new password -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", "fewer than 12"),
        ("x" * 257, "256"),
        ("qwerty123456", "first that somebody would guess"),
        ("Password1234", "first that somebody would guess"),
        ("aaaaaaaaaaaaaaa", "first that somebody would guess"),
    ],
)
def test_a_password_that_somebody_would_guess_is_refused(enter, ada, new, reason):
    client = enter()
    response = client.submit("/account/password", current=PASSWORD, new=new)

    assert response.status_code == 422
    assert reason in response.text
    assert passwords.is_right(PASSWORD, ada.password_hash)


@pytest.mark.parametrize(
    "new", ["x1Y!zz" * 30, "пароль из многих букв", "🐎 correct 🔋 horse", "a b c d e f g h"]
)
def test_a_password_may_be_long_and_in_any_script(enter, ada, new):
    client = enter()

    assert client.submit("/account/password", current=PASSWORD, new=new).status_code == 303
    assert passwords.is_right(new, ada.password_hash)


def test_the_same_letter_in_two_encodings_is_the_same_password(enter, ada):
    client = enter()
    client.submit("/account/password", current=PASSWORD, new="caf\u00e9 caf\u00e9 caf\u00e9")

    assert passwords.is_right("cafe\u0301 cafe\u0301 cafe\u0301", ada.password_hash)


def test_changing_the_password_needs_the_current_password(enter, ada):
    client = enter()
    response = client.submit("/account/password", current="wrong horse battery", new="another long password")

    assert response.status_code == 422
    assert "not your password" in response.text


def test_no_cookie_is_in_an_answer_that_caches_may_keep(enter):
    client = enter()
    for address in ("/static/portal.css", "/openapi.json"):
        with client.get(address) as response:
            assert "public" in response.headers["Cache-Control"]
            assert "Set-Cookie" not in response.headers


def test_a_reset_code_mailed_before_a_new_password_does_not_undo_it(enter, ada):
    client = enter()
    db.session.add(PasswordReset(account_id=ada.id, requested_at=NOW, sent_at=NOW, token_sha256="x"))
    client.submit("/account/password", current=PASSWORD, new="another long password")

    assert db.session.scalars(select(PasswordReset)).all() == []


def test_a_password_that_grows_when_it_is_normalized_is_refused_or_lets_in(enter, ada):
    client = enter()
    response = client.submit("/account/password", current=PASSWORD, new="\ufdfa" * 100 + "abcdefgh")

    assert response.status_code == 422
    assert passwords.is_right(PASSWORD, ada.password_hash)
