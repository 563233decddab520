"""Reads about people; they belong to no organization, so these start from the login."""

from __future__ import annotations

from sqlalchemy import select

from portal.extensions import db
from portal.models import Account


def account_of(login: str) -> Account | None:
    """Return the account of a login, or None; case does not matter."""
    if "\0" in login:
        return None  # no text of PostgreSQL's has one
    return db.session.scalar(select(Account).where(Account.login == login.strip().lower()))
