"""Mail over SMTP: who it is from, and where an answer goes."""

import datetime as dt
import smtplib

import pytest

from portal.domain.errors import ProviderUnavailableError
from portal.gateways.mail import Mail, SmtpMail, named_sender

NOW = dt.datetime(2026, 2, 10, 12, 30, tzinfo=dt.UTC)
MAIL = Mail("ada@example.org", "A new password", "Hello Ada")


class MailServer:
    """A server on this machine that keeps what it was handed."""

    def __init__(self):
        self.messages = []

    def __call__(self, *_, **__):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def send_message(self, message):
        self.messages.append(message)


@pytest.fixture
def server(monkeypatch) -> MailServer:
    server = MailServer()
    monkeypatch.setattr(smtplib, "SMTP", server)
    return server


def test_a_mail_is_from_the_seller_and_an_answer_goes_to_its_support(server):
    sender = named_sender("billing@example.org", "Älpencloud")
    SmtpMail("smtp://localhost", sender, "support@example.org", 1000, lambda: NOW).send(MAIL)
    (message,) = server.messages
    (address,) = message["From"].addresses
    assert (address.display_name, address.addr_spec) == ("Älpencloud", "billing@example.org")
    assert message["Reply-To"] == "support@example.org"
    assert message["To"] == "ada@example.org"
    assert message["Date"].datetime == NOW


def test_a_sender_of_mail_with_a_name_keeps_the_name():
    assert named_sender("Our bills <billing@example.org>", "Alpencloud") == "Our bills <billing@example.org>"


def test_without_a_mail_server_no_mail_is_sent_and_it_may_be_tried_again():
    with pytest.raises(ProviderUnavailableError):
        SmtpMail(None, "billing@example.org", "support@example.org", 1000, lambda: NOW).send(MAIL)
