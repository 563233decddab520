"""The outbox of mails: sent once, later when the server fails, and in nobody's way."""

import datetime as dt

import pytest
from sqlalchemy import select

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.mail import Mail
from portal.mailing.outbox import enqueue, forget_old, send_due
from portal.models import OutgoingMail
from portal.storage import db
from tests.factories import NOW

HOUR = dt.timedelta(hours=1)


class Server:
    """A mail server that keeps what it gets, fails for some recipients, and may be busy with a call back."""

    def __init__(self):
        self.subjects, self.failing, self.meanwhile = [], {}, lambda: None

    def send(self, mail: Mail) -> None:
        self.meanwhile()
        if mail.to in self.failing:
            raise self.failing[mail.to]
        self.subjects.append(mail.subject)


@pytest.fixture
def server(app) -> Server:
    return Server()


def composed(facts, now) -> Mail | None:
    return Mail(facts["to"], f"{facts['to']} at {now:%H:%M}", "…") if facts["to"] else None


def send(server, *, at=NOW) -> int:
    return send_due(server, {"greeting": composed}, now=at)


def enqueue_for(*recipients: str | None) -> None:
    for to in recipients:
        enqueue("greeting", {"to": to}, now=NOW)
    db.session.commit()


def test_each_mail_is_sent_once_in_the_order_it_was_enqueued(server):
    enqueue_for("ada", "bob")

    assert send(server) == 2
    assert send(server) == 0
    assert server.subjects == ["ada at 12:30", "bob at 12:30"]


def test_a_mail_whose_transaction_is_rolled_back_is_never_sent(server):
    enqueue("greeting", {"to": "ada"}, now=NOW)
    db.session.rollback()

    assert send(server) == 0


def test_a_mail_of_a_kind_without_a_composer_waits(server):
    enqueue("farewell", {"to": "ada"}, now=NOW)
    db.session.commit()

    assert send(server) == 0
    assert db.session.scalar(select(OutgoingMail.attempts)) == 0


def test_a_mail_that_is_not_wanted_any_more_is_deleted_unsent(server):
    enqueue_for(None)

    assert send(server) == 0
    assert db.session.scalars(select(OutgoingMail)).all() == []


@pytest.mark.parametrize("failure", [ProviderUnavailableError(), ValueError("a line break in an address")])
def test_a_mail_that_fails_holds_up_no_other_and_is_composed_anew_later(server, failure):
    enqueue_for("ada", "bob")
    server.failing["ada"] = failure
    assert send(server) == 1
    server.failing.clear()

    assert send(server, at=NOW + dt.timedelta(minutes=1)) == 0
    assert send(server, at=NOW + dt.timedelta(minutes=2)) == 1
    assert server.subjects == ["bob at 12:30", "ada at 12:32"]


def test_a_mail_that_cannot_be_composed_waits_ever_longer_and_holds_up_no_other(server):
    enqueue("greeting", {}, now=NOW)
    enqueue_for("bob")

    assert send(server) == 1
    assert send(server, at=NOW + dt.timedelta(minutes=1)) == 0
    outgoing = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).first()
    assert (outgoing.attempts, outgoing.next_attempt_at) == (1, NOW + dt.timedelta(minutes=2))
    assert outgoing.last_error == "KeyError: 'to'"


def test_the_reason_why_a_mail_failed_can_be_read(server):
    enqueue_for("ada")
    server.failing["ada"] = ProviderUnavailableError()
    send(server)

    assert db.session.scalar(select(OutgoingMail.last_error)).startswith("ProviderUnavailableError: ")


def test_a_mail_that_one_worker_is_sending_is_not_sent_by_another(server):
    enqueue_for("ada")
    others = []
    server.meanwhile = lambda: others.append(send(Server()))

    assert send(server) == 1
    assert others == [0]


def test_a_mail_whose_worker_was_killed_is_sent_by_the_next(server):
    enqueue_for("ada")
    server.failing["ada"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        send(server)
    db.session.rollback()
    server.failing.clear()

    assert send(server, at=NOW + dt.timedelta(minutes=1)) == 0
    assert send(server, at=NOW + dt.timedelta(minutes=2)) == 1


def test_no_transaction_is_open_while_the_mail_server_is_asked(server):
    enqueue_for("ada")
    states = []
    server.meanwhile = lambda: states.append(db.session().in_transaction())
    send(server)

    assert states == [False]


def test_a_mail_that_was_sent_long_ago_is_forgotten_and_a_waiting_mail_is_not(server):
    enqueue_for("ada", "bob")
    server.failing["bob"] = ProviderUnavailableError()
    send(server)
    forget_old(now=NOW + 24 * 31 * HOUR)
    db.session.commit()

    assert [mail.facts for mail in db.session.scalars(select(OutgoingMail))] == [{"to": "bob"}]
