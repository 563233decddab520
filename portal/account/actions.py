"""Writes to a person's own record."""

from __future__ import annotations

from portal.models import Account
from portal.web import passwords


def recognise(account: Account | None, password: str) -> bool:
    """Tell whether the password is this account's; an unknown account costs the same time.

    A hash made with weaker parameters than today's is made anew.
    """
    stored = account.password_hash if account else None
    if not passwords.is_right(password, stored):
        return False
    if account and passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.hashed(password)
    return True


def choose_theme(account: Account, theme: str) -> None:
    account.theme = theme
