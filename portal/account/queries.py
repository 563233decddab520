"""Reads of a person's own record, and of customers whose record cannot be used."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from portal.access import sessions
from portal.domain.errors import ValidationError
from portal.models import Account, Organization, UserSession
from portal.storage.database import db

_ROWS_AT_ONCE = 1000

# The first that matches: each browser also claims to be the ones before it.
_BROWSERS = (
    ("Edge", "Edg/"),
    ("Opera", "OPR/"),
    ("Firefox", "Firefox/"),
    ("Chromium", "Chrom(?:e|ium)/"),
    ("Safari", "Safari/"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iOS", "iPhone|iPad"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser in which a person is signed in."""

    uid: UUID
    browser: str
    address: str
    created_at: dt.datetime
    seen_at: dt.datetime
    is_this: bool


def signed_in(account: Account, this: UserSession | None, *, now: dt.datetime) -> Sequence[SignedIn]:
    """Return the browsers in which an account is signed in, the last seen first."""
    return [
        SignedIn(
            uid=row.uid,
            browser=_browser(row.agent),
            address=row.address,
            created_at=row.created_at,
            seen_at=row.seen_at,
            is_this=this is not None and row.uid == this.uid,
        )
        for row in sessions.sessions_of(account, now=now)
    ]


def _browser(agent: str) -> str:
    """Name browser and system of a User-Agent."""
    browser = _first(_BROWSERS, agent) or "A browser"
    system = _first(_SYSTEMS, agent)
    return f"{browser} on {system}" if system else browser


def _first(patterns: Sequence[tuple[str, str]], agent: str) -> str | None:
    return next((name for name, pattern in patterns if re.search(pattern, agent)), None)


def unusable_customers() -> Iterator[tuple[Organization, ValidationError]]:
    """Return the organizations whose stored profile would be refused today, and the reasons."""
    query = select(Organization).order_by(Organization.id).execution_options(yield_per=_ROWS_AT_ONCE)
    for organization in db.session.scalars(query):
        stored = organization.billing_profile
        try:
            checked = stored.checked(currency=organization.currency)
        except ValidationError as error:
            yield organization, error
        else:
            _, tidy = stored.differences(checked)
            if tidy:
                reasons = {name: [f"would be stored as {value!r}"] for name, value in tidy.items()}
                yield organization, ValidationError(reasons)
