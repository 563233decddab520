"""Whose new password a mailed code allows; people belong to no organization, so this starts from the code."""

import datetime as dt
import hashlib

from sqlalchemy import select

from portal.models import Account, PasswordReset
from portal.storage import db

CODE_LASTS = dt.timedelta(hours=1)


def code_sha256(code: str) -> str:
    """Return what is stored of a code, and looked for."""
    return hashlib.sha256(code.strip().encode(errors="replace")).hexdigest()


def account_of_code(code: str, *, now: dt.datetime) -> Account | None:
    """Return the account that a code was mailed to, while it lasts."""
    query = (
        select(Account)
        .join(PasswordReset, PasswordReset.account_id == Account.id)
        .where(PasswordReset.token_sha256 == code_sha256(code), PasswordReset.sent_at > now - CODE_LASTS)
        .with_for_update(of=Account)
    )
    return db.session.scalar(query)
