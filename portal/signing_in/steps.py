"""The mail with a code for a new password.

A code is made when its mail is sent and only its hash is kept, so that none lies in the database. A mail
that is tried again has another code.
"""

import datetime as dt
import secrets
from collections.abc import Mapping

from flask import current_app

from portal.gateways.mail import Mail
from portal.models import Account, PasswordReset
from portal.signing_in.queries import CODE_LASTS, code_sha256
from portal.storage import db, remove

_CODE_BYTES = 24


def password_reset_mail(facts: Mapping[str, object], now: dt.datetime, *, portal_url: str) -> Mail | None:
    """Return the mail of a password reset with a code made for it; None once the request is gone."""
    reset = db.session.get(PasswordReset, facts["password_reset_id"])
    account = db.session.get(Account, reset.account_id) if reset else None
    if reset is None or account is None:
        return None
    code = secrets.token_urlsafe(_CODE_BYTES)
    reset.token_sha256, reset.sent_at = code_sha256(code), now
    template = current_app.jinja_env.get_template("mails/password_reset.txt")
    text = template.render(name=account.name, portal=portal_url, code=code)
    return Mail(account.login, "A new password for your billing portal", text)


def forget_old_requests(*, now: dt.datetime) -> None:
    """Delete the requests whose code would not be valid any more."""
    remove(PasswordReset, PasswordReset.requested_at <= now - 2 * CODE_LASTS)
