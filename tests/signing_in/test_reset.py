"""Getting back in: a code by mail, made when it is sent, kept as a hash, good for an hour and once."""

import datetime as dt
import re
from functools import partial

import pytest
from sqlalchemy import select

from portal.access import passwords
from portal.domain.access import Preset
from portal.domain.errors import ProviderUnavailableError
from portal.mailing.outbox import send_due
from portal.models import AuditEntry, PasswordReset, UserSession
from portal.scheduler.step import run_step
from portal.scheduler.tick import MAILS
from portal.signing_in.actions import PASSWORD_RESET
from portal.signing_in.steps import forget_old_requests, password_reset_mail
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_member

NEW = "a whole new password"


class Outbox:
    """A mail server that keeps what it gets, or is down."""

    def __init__(self):
        self.mails, self.is_down = [], False

    def send(self, mail):
        if self.is_down:
            raise ProviderUnavailableError
        self.mails.append(mail)

    @property
    def codes(self):
        return [re.search(r"code there: (\S+)", mail.text)[1] for mail in self.mails]


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


def ask(client, login):
    client.get("/login/forgot")
    return client.submit("/login/forgot", login=login)


def send(outbox, *, at=NOW):
    composer = partial(password_reset_mail, portal_url="https://portal.example")
    return send_due(outbox, {PASSWORD_RESET: composer}, now=at)


def reset(client, code, password=NEW):
    client.get("/login/reset")
    return client.submit("/login/reset", code=code, password=password)


def test_a_reset_code_lets_its_owner_choose_a_new_password(nobody, ada, outbox):
    assert ask(nobody, ada.login.upper()).location == "/login/reset"
    assert send(outbox) == 1
    [mail] = outbox.mails

    assert mail.to == ada.login
    assert f"https://portal.example/login/reset#{outbox.codes[0]}" in mail.text
    assert reset(nobody, outbox.codes[0]).location == "/login"
    assert passwords.is_right(NEW, ada.password_hash)


def test_a_reset_request_for_an_unknown_address_is_answered_alike_and_sends_no_mail(nobody, ada, outbox):
    known, unknown = ask(nobody, ada.login), ask(nobody, "eve@example.org")

    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    send(outbox)
    assert [mail.to for mail in outbox.mails] == [ada.login]


def test_no_reset_code_is_in_the_database(nobody, ada, outbox):
    ask(nobody, ada.login)
    assert db.session.scalars(select(PasswordReset.token_sha256)).all() == [None]
    send(outbox)
    [stored] = db.session.scalars(select(PasswordReset.token_sha256)).all()

    assert stored not in outbox.mails[0].text


def test_a_password_reset_ends_every_session_and_is_in_the_audit_trail(nobody, ada, admin, outbox):
    ask(nobody, ada.login)
    send(outbox)
    db.session.add(
        UserSession(
            id_sha256="x",
            account_id=ada.id,
            created_at=NOW,
            seen_at=NOW,
            confirmed_at=NOW,
            address="",
            agent="",
        )
    )
    reset(nobody, outbox.codes[0])

    assert ada.id not in db.session.scalars(select(UserSession.account_id)).all()
    assert "password.reset" in db.session.scalars(select(AuditEntry.action)).all()


def test_a_password_reset_lets_in_an_account_shut_out_by_guesses_of_others(nobody, ada, outbox):
    for place in range(12):
        guess = {"login": ada.login, "password": "wrong horse battery"}
        nobody.get("/login")
        data = guess | {"csrf_token": nobody.csrf_token}
        nobody.post("/login", data=data, environ_base={"REMOTE_ADDR": f"192.0.2.{place}"})
    ask(nobody, ada.login)
    send(outbox)
    reset(nobody, outbox.codes[0])
    nobody.get("/login")

    assert nobody.submit("/login", login=ada.login, password=NEW).status_code == 303


def test_a_reset_code_is_good_once(nobody, ada, outbox):
    ask(nobody, ada.login)
    send(outbox)
    reset(nobody, outbox.codes[0])

    assert reset(nobody, outbox.codes[0], "yet another password").status_code == 422
    assert passwords.is_right(NEW, ada.password_hash)


def test_a_reset_code_is_good_for_an_hour(nobody, ada, outbox, clock):
    ask(nobody, ada.login)
    send(outbox)
    clock.at = NOW + dt.timedelta(hours=1)

    assert reset(nobody, outbox.codes[0]).status_code == 422
    assert passwords.is_right(PASSWORD, ada.password_hash)


def test_a_weak_password_does_not_use_the_reset_code_up(nobody, ada, outbox):
    ask(nobody, ada.login)
    send(outbox)

    assert reset(nobody, outbox.codes[0], "short").status_code == 422
    assert reset(nobody, outbox.codes[0]).status_code == 303


@pytest.mark.parametrize("code", ["junk", " ", "é", "\ud83d", "x" * 100, "'; --"])
def test_a_malformed_reset_code_is_refused(nobody, ada, code):
    assert reset(nobody, code.encode(errors="replace").decode()).status_code == 422


def test_reset_codes_cannot_be_guessed_for_long(nobody, ada, outbox):
    ask(nobody, ada.login)
    send(outbox)
    for place in range(20):
        reset(nobody, f"junk {place}")

    assert reset(nobody, outbox.codes[0]).status_code == 422


def test_an_address_gets_three_reset_mails_an_hour_at_most(nobody, ada, outbox):
    for _ in range(6):
        ask(nobody, ada.login)

    assert send(outbox) == 3


def test_a_reset_mail_that_was_not_sent_is_sent_later_with_another_code(nobody, ada, outbox):
    ask(nobody, ada.login)
    outbox.is_down = True
    assert send(outbox) == 0
    outbox.is_down = False
    assert send(outbox, at=NOW + dt.timedelta(minutes=1)) == 0
    assert send(outbox, at=NOW + dt.timedelta(minutes=2)) == 1
    assert send(outbox, at=NOW + dt.timedelta(minutes=9)) == 0


def test_old_reset_requests_are_forgotten(nobody, ada):
    ask(nobody, ada.login)
    forget_old_requests(now=NOW + dt.timedelta(hours=2))
    db.session.commit()

    assert db.session.scalars(select(PasswordReset)).all() == []


def test_the_demo_shows_its_mails(nobody, ada):
    ask(nobody, ada.login)
    run_step(MAILS, NOW)
    page = nobody.page("/demo/mails")

    assert ada.login in page.main.text
    assert page.select_one('a[href*="/login/reset#"]')
