"""Writes to a person's own record."""

import datetime as dt

from portal.access import credentials
from portal.domain.errors import ValidationError
from portal.models import Account


def choose_theme(account: Account, theme: str) -> None:
    account.theme = theme


def change_password(
    account: Account, current: str, new: str, *, address: str | None, now: dt.datetime
) -> None:
    """Change a password, given the current one; ValidationError names what cannot be used.

    The caller ends the sessions.
    """
    purpose = credentials.CONFIRM
    known = credentials.recognise(account.login, current, address=address, now=now, purpose=purpose)
    if known is None:
        raise ValidationError({"current": ["is not your password, or there were too many tries"]})
    try:
        credentials.set_password(account, new, action="password.changed")
    except ValidationError as error:
        raise ValidationError({"new": error.fields["password"]}) from error
