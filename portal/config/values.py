"""One setting's text: what it means, and what cannot be meant by it.

A reader returns the value or raises; a `fault_of_…` returns a sentence, or None, and never repeats the text.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from portal.config.seller import SettingsError, checked
from portal.config.types import ListenAddress
from portal.domain.email_address import is_email_address
from portal.domain.numbers import port_of, whole_of

EASYBILL_FORMATS = frozenset({"xrechnung", "zugferd"})
MAIL_FOLDER = "folder"  # as MAIL_URL: no mail server, the demo shows the mails
_SECRET_LENGTH_MIN = 32
# A random key in hexadecimal has 16 different characters at most, and one of 32 nearly always 10.
_SECRET_CHARACTERS_MIN = 10
_EXAMPLE = re.compile(
    r"change.?(me|this|it)|example|placeholder|replace|your.?(secret|key)|insecure", re.IGNORECASE
)
_PROVIDER_SECRET_LENGTH_MIN = 16
_PRINTABLE_WORD = re.compile(r"[!-~]+")
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def whole_number(values: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Read a number of a setting, which lies between bounds that make sense."""

    def bounded(text: str) -> int:
        number = whole_of(text, digits=len(str(most)), least=least)
        if number > most:
            raise ValueError(text)
        return number

    return checked(
        values, name, bounded, f"is a whole number from {least} to {most}, not {{text!r}}", str(default)
    )


def is_said(values: Mapping[str, str], name: str) -> bool:
    """Read a word of consent: yes, or no, which is the same as nothing."""
    text = values.get(name, "no")
    if text not in {"yes", "no"}:
        raise SettingsError(f"{name} is either yes or no.")
    return text == "yes"


def names(values: Mapping[str, str], name: str) -> Sequence[str]:
    """Read a list with commas."""
    return tuple(each.strip() for each in values.get(name, "").split(",") if each.strip())


def listen_address(values: Mapping[str, str], name: str) -> ListenAddress | None:
    """Read where to wait for connections, such as `127.0.0.1:9101` or `[::1]:9101`; none where not told."""
    text = values.get(name)
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    refusal = SettingsError(f"{name} is an address and a port, such as 127.0.0.1:9101, not {text!r}.")
    if not host:
        raise refusal
    try:
        return ListenAddress(host, port_of(port, least=1))
    except ValueError as error:
        raise refusal from error


def formats(values: Mapping[str, str]) -> frozenset[str]:
    """Read which e-invoice formats the EasyBill account makes, such as `xrechnung,zugferd`."""
    named = frozenset(names(values, "EASYBILL_FORMATS"))
    if named - EASYBILL_FORMATS:
        raise SettingsError(f"EASYBILL_FORMATS names formats among {', '.join(sorted(EASYBILL_FORMATS))}.")
    return named


def log_level(values: Mapping[str, str]) -> str:
    """Read from which level on the log has a line."""
    level = values.get("LOG_LEVEL", logging.getLevelName(logging.INFO))
    if level not in _LOG_LEVELS:
        raise SettingsError(f"LOG_LEVEL is {level!r}; it is one of {', '.join(_LOG_LEVELS)}.")
    return level


def mail_url(url: str) -> str | None:
    """Read the address of the mail server; none where mails go into a folder."""
    if url == MAIL_FOLDER:
        return None
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in {"smtp", "smtps"} and parts.hostname and (parts.port or 1)
        is_server = is_server and not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:  # its text may have half a password
        is_server = False
    if not is_server:
        raise SettingsError(
            "MAIL_URL is such as smtp://user:password@mail.example:587; in a password / is %2F, and @ is %40."
        )
    return url


def with_driver(url: str, name: str = "DATABASE_URL") -> str:
    """Accept the address as PostgreSQL's own tools write it; a file's path is whole, the same for all."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith(("postgresql+psycopg://", "sqlite:////")):
        raise SettingsError(f"{name} begins with postgresql:// or sqlite:////, the whole path of a file.")
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        # Not `from` it: what was read as a port may be a part of a password.
        raise SettingsError(f"{name} cannot be read; in a password @ is written %40, and : is %3A.") from None
    return url


def fault_of_secret(name: str, secret: str) -> str | None:
    """Say why a secret that signs could be guessed."""
    if len(secret) < _SECRET_LENGTH_MIN:
        return f"{name} needs at least {_SECRET_LENGTH_MIN} characters."
    is_poor = len(set(secret)) < _SECRET_CHARACTERS_MIN or secret in (secret + secret)[1:-1]
    if is_poor or _EXAMPLE.search(secret):
        return f"{name} could be guessed: `openssl rand -hex 32` makes one that cannot."
    return None


def fault_of_prefix(name: str, key: str, prefixes: Sequence[str]) -> str | None:
    """Say that a key of Stripe's is not of the kind that is asked for."""
    if key.startswith(tuple(prefixes)) and _PRINTABLE_WORD.fullmatch(key):
        return None
    return f"{name} begins with {' or '.join(prefixes)}."


def fault_of_provider_secret(name: str, secret: str) -> str | None:
    """Say that a provider would not give out such a secret."""
    if len(secret) >= _PROVIDER_SECRET_LENGTH_MIN and _PRINTABLE_WORD.fullmatch(secret):
        return None
    return (
        f"{name} is one word of at least {_PROVIDER_SECRET_LENGTH_MIN} characters, as the provider shows it."
    )


def fault_of_sender(name: str, sender: str) -> str | None:
    """Say that no mail could be answered to a sender, which may have a name before its address."""
    if sender.isprintable() and is_email_address(parseaddr(sender)[1]):
        return None
    return f"{name} is no e-mail address, such as billing@example.org."


def fault_of_address(name: str, address: str) -> str | None:
    """Say that no mail could be sent to an address."""
    return None if is_email_address(address) else f"{name} is no e-mail address, such as ops@example.org."


def fault_of_api_base(name: str, url: str, provider: str) -> str | None:
    """Say that an address is neither the provider's own nor one of a stand-in.

    The provider's host in other words would pass for a stand-in, and get documents of pretended times.
    """
    try:
        host, is_web = urlsplit(url).hostname or "", urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        host, is_web = "", False
    domain = ".".join((urlsplit(provider).hostname or "").split(".")[-2:])
    is_provider = f".{host.rstrip('.')}".endswith(f".{domain}")
    if url == provider or (host and is_web and not is_provider):
        return None
    return (
        f"{name} is the address of a stand-in, such as http://127.0.0.1:9001; the provider's is {provider}."
    )


def fault_of_url(name: str, url: str) -> str | None:
    """Say that a portal cannot be at an address: it is a scheme and a host, without a path."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        is_address = False
    if is_address and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc):
        return None
    return f"{name} is the address that customers type, such as https://billing.example, without a path."
