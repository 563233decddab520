"""Mail to people, over SMTP.

MAIL_URL is `smtp://user:password@host:587` (STARTTLS is required unless the host is this machine) or
`smtps://user:password@host:465`. Every call has a total deadline.
"""

import datetime as dt
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

from portal.domain.errors import ProviderRefusedError, ProviderUnavailableError
from portal.gateways.deadline import Deadline
from portal.gateways.observing import CallObserver, observed

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Mail:
    """A message in plain text."""

    to: str
    subject: str
    text: str


class MailGateway(Protocol):
    """Takes one message for delivery, or raises ProviderUnavailableError or ProviderRefusedError."""

    def send(self, mail: Mail) -> None: ...


class SmtpMail:
    """Hands messages to a mail server; without a URL none answers, and a mail waits in the outbox."""

    def __init__(
        self,
        url: str | None,
        sender: str,
        reply_to: str,
        milliseconds: int,
        clock: Callable[[], dt.datetime],
        *,
        observer: CallObserver | None = None,
    ) -> None:
        self._url = urlsplit(url or "")
        self._clock = clock
        self._sender, self._reply_to = sender, reply_to
        self._seconds = milliseconds / 1000
        self._deadline = Deadline("mail", milliseconds)
        self._observer = observer or CallObserver()

    def send(self, mail: Mail) -> None:
        # It refuses a line break in an address before the server is asked.
        message = message_of(mail, self._sender, at=self._clock())
        message["Reply-To"] = self._reply_to
        with observed(self._observer, "send") as call:
            call.begins()
            self._deadline.ask(lambda: self._hand_over(message), is_repeatable=True)

    def _hand_over(self, message: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self._url.username:
                    server.login(unquote(self._url.username), unquote(self._url.password or ""))
                server.send_message(message)
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPRecipientsRefused) as error:
            raise ProviderRefusedError from error
        except (OSError, smtplib.SMTPException) as error:
            raise ProviderUnavailableError from error

    def _connected(self) -> smtplib.SMTP:
        host = self._url.hostname or ""
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, self._url.port or 465, timeout=self._seconds, context=context)
        server = smtplib.SMTP(host, self._url.port or 587, timeout=self._seconds)
        if host not in _THIS_MACHINE:
            server.starttls(context=ssl.create_default_context())
        return server


def named_sender(address: str, name: str) -> str:
    """Return a sender's address with a name before it, unless it brings one."""
    return address if parseaddr(address)[0] else formataddr((name, address))


def message_of(mail: Mail, sender: str, *, at: dt.datetime) -> EmailMessage:
    """Return a mail as it is handed over."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"], message["Message-ID"] = format_datetime(at), make_msgid(domain="portal.invalid")
    message.set_content(mail.text)
    return message
