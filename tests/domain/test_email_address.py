"""Which texts are e-mail addresses, without asking anybody."""

import socket

import pytest

from portal.domain.email_address import is_email_address


@pytest.mark.parametrize(
    "text",
    [
        "billing@acme.example",
        "Billing@Acme.Example",
        "o'brien+invoices@acme.co.uk",
        "a/b=c@acme.example",
        "jörg@acme.example",
        "请款@acme.example",
        "ops@mail.local",
        "ops@mail.test",
        "a@xn--mller-kva.example",
        f"{'x' * 64}@acme.example",
    ],
)
def test_mail_can_be_sent_to_an_accepted_address(text):
    assert is_email_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nomail",
        "a@b",
        "@acme.example",
        "a@",
        "a@@acme.example",
        "a@acme..example",
        "a..b@acme.example",
        ".a@acme.example",
        "a@-acme.example",
        "a@192.0.2.1",
        "a@[192.0.2.1]",
        "a b@acme.example",
        '"a b"@acme.example',
        "Ada <a@acme.example>",
        "a@acme.example,b@acme.example",
        "a@acme.example\nBcc: b@acme.example",
        "a@acme.example\n",
        "a\0@acme.example",
        "a\x1b[31m@acme.example",
        "a\N{RIGHT-TO-LEFT OVERRIDE}@acme.example",
        "a\udcff@acme.example",
        "a@müller.example",
        f"{'x' * 65}@acme.example",
        f"a@{'x.' * 130}example",
    ],
)
def test_a_text_that_mail_cannot_be_sent_to_is_no_email_address(text):
    assert not is_email_address(text)


def test_no_host_name_is_looked_up_to_check_an_email_address(monkeypatch):
    def refuse(*_):
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    assert is_email_address("billing@acme.example")
