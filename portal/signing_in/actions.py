"""Letting somebody who forgot the password choose a new one."""

from __future__ import annotations

import datetime as dt

from portal.access import credentials, sessions, throttle
from portal.access.throttle import Limit
from portal.domain.errors import ValidationError
from portal.models import PasswordReset
from portal.signing_in import queries
from portal.storage.database import db
from portal.storage.transaction import write_transaction

_WISHES_AN_HOUR = 3  # for one address
_TRIES_AN_HOUR_FROM = 20  # from one network


def wish_for_password(login: str, *, address: str | None, now: dt.datetime) -> None:
    """Note that somebody wants a new password; nobody learns from it whether the account exists."""
    limits = (
        Limit("reset from", throttle.network_of(address), _TRIES_AN_HOUR_FROM),
        Limit("reset", login.strip().lower(), _WISHES_AN_HOUR),
    )
    waits = [throttle.take(limit, now=now) for limit in limits]
    account = credentials.account_of(login)
    if account is not None and not any(waits):
        db.session.add(PasswordReset(account_id=account.id, requested_at=now, next_attempt_at=now))


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
