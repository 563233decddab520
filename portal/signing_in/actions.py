"""Choosing a new password without the old one."""

import datetime as dt

from portal.access import credentials, sessions, throttle
from portal.access.throttle import Limit
from portal.domain.errors import ValidationError
from portal.mailing import outbox
from portal.models import PasswordReset
from portal.signing_in import queries
from portal.storage import db, write_transaction

_REQUESTS_AN_HOUR = 3  # for one address
PASSWORD_RESET = "password_reset"  # noqa: S105 -- the kind of a mail
_TRIES_AN_HOUR_FROM = 20  # from one network


def request_password_reset(login: str, *, address: str | None, now: dt.datetime) -> None:
    """Let a code for a new password be mailed; the answer does not tell whether the account exists."""
    limits = (
        Limit("reset from", throttle.network_of(address), _TRIES_AN_HOUR_FROM),
        Limit("reset", login.strip().lower(), _REQUESTS_AN_HOUR),
    )
    waits = [throttle.take(limit, now=now) for limit in limits]
    account = credentials.account_of(login)
    if account is not None and not any(waits):
        reset = PasswordReset(account_id=account.id, requested_at=now)
        db.session.add(reset)
        db.session.flush()
        outbox.enqueue(PASSWORD_RESET, {"password_reset_id": reset.id}, now=now)


def reset_password(code: str, password: str, *, address: str | None, now: dt.datetime) -> None:
    """Set a new password with the code of a mail; every session of the account ends, and the code too.

    ValidationError says what is wrong with the code or the password.
    """
    limit = Limit("code from", throttle.network_of(address), _TRIES_AN_HOUR_FROM)
    with write_transaction():
        wait = throttle.take(limit, now=now)
    account = None if wait else queries.account_of_code(code, now=now)
    if account is None:
        raise ValidationError({"code": ["is not valid, or not any more: ask for a new one"]})
    throttle.give_back(limit)
    credentials.set_password(account, password, action="password.reset")
    sessions.end_all(account)
