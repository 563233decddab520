"""Sending codes for new passwords: claim, mail, record, each its own short transaction.

A code is made when its mail is sent and only its hash is kept, so that none lies in the database. What
fails is tried again with another code, ever later, until it would be too late.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from portal.domain.errors import BillingError
from portal.gateways.mail import Mail, MailGateway
from portal.models import Account, PasswordReset
from portal.signing_in.queries import CODE_LASTS, code_sha256
from portal.storage.database import db

log = logging.getLogger(__name__)
_CODE_BYTES = 24
_WAIT = dt.timedelta(minutes=1)
_AT_ONCE_MAX = 50

_TEXT = """Hello {name},

somebody, hopefully you, asked for a new password for your account at {portal}.

Open this address within the next hour:
{portal}/login/reset#{code}

Or type this code there: {code}

If it was not you, there is nothing to do: your password stays as it is.
"""


@dataclass(frozen=True, slots=True)
class _Letter:
    """A code on its way; only this process knows it."""

    wish_id: int
    code: str
    mail: Mail


def send_codes(mail: MailGateway, *, portal_url: str, now: dt.datetime) -> int:
    """Send what was asked for, and return how many mails went out."""
    sent = 0
    for _ in range(_AT_ONCE_MAX):
        letter = _claim(portal_url, now)
        if letter is None:
            break
        try:
            mail.send(letter.mail)
        except BillingError as error:
            log.warning("a code was not sent; it is tried again", extra={"reason": str(error)})
            continue
        _record(letter, now)
        sent += 1
    return sent


def _claim(portal_url: str, now: dt.datetime) -> _Letter | None:
    """Take the next wish, put a fresh code on it, and let nobody else take it for a while."""
    query = (
        select(PasswordReset, Account)
        .join(Account, Account.id == PasswordReset.account_id)
        .where(PasswordReset.sent_at.is_(None), PasswordReset.next_attempt_at <= now)
        .order_by(PasswordReset.id)
        .limit(1)
        .with_for_update(of=PasswordReset, skip_locked=True)
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        db.session.commit()
        return None
    wish, account = found
    code = secrets.token_urlsafe(_CODE_BYTES)
    wish.token_sha256 = code_sha256(code)
    wish.attempts += 1
    wish.next_attempt_at = now + _WAIT * 2**wish.attempts
    text = _TEXT.format(name=account.name, portal=portal_url, code=code)
    letter = _Letter(wish.id, code, Mail(account.login, "A new password for your billing portal", text))
    db.session.commit()
    return letter


def _record(letter: _Letter, now: dt.datetime) -> None:
    one = update(PasswordReset).where(
        PasswordReset.id == letter.wish_id, PasswordReset.token_sha256 == code_sha256(letter.code)
    )
    db.session.execute(one.values(sent_at=now).execution_options(synchronize_session=False))
    db.session.commit()


def forget_old_wishes(*, now: dt.datetime) -> None:
    """Delete the wishes whose code would not be valid any more."""
    old = delete(PasswordReset).where(PasswordReset.requested_at <= now - 2 * CODE_LASTS)
    db.session.execute(old.execution_options(synchronize_session=False))
