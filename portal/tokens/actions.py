"""Making and revoking API tokens. A token made with a token ends with it, at the latest."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from portal.domain import tokens
from portal.domain.errors import ValidationError
from portal.ledger import audit
from portal.models import Account, ApiToken, Organization, add_owned
from portal.tokens import queries

NAME_LENGTH_MAX = 60


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token, whole: this is the only moment at which it can be shown."""

    row: ApiToken
    token: str


def make_token(
    organization: Organization,
    owner: Account,
    name: str,
    *,
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
    is_read_only: bool = False,
    parent: ApiToken | None = None,
) -> Minted:
    """Make a token that acts in one organization with its owner's current rights there."""
    _check(name, expires_at, now)
    if parent is not None and parent.expires_at is not None:
        expires_at = min(expires_at or parent.expires_at, parent.expires_at)
    token = tokens.mint()
    row = ApiToken(
        account_id=owner.id,
        parent_id=parent and parent.id,
        name=name,
        is_read_only=is_read_only,
        prefix=tokens.shown_prefix(token),
        token_sha256=tokens.fingerprint(token),
        created_at=now,
        expires_at=expires_at,
    )
    add_owned(organization.id, row)
    audit.record(organization.id, "token.made", row.prefix, after=_facts(row, owner.login))
    return Minted(row, token)


def _check(name: str, expires_at: dt.datetime | None, now: dt.datetime) -> None:
    problems = {}
    if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX or not name.isprintable():
        problems["name"] = [f"is not 1 to {NAME_LENGTH_MAX} printable characters"]
    if expires_at is not None and expires_at <= now:
        problems["expires_on"] = ["is not in the future"]
    if problems:
        raise ValidationError(problems)


def revoke(token: ApiToken, *, now: dt.datetime) -> None:
    """End a token, and all that were made with it, from the next request on."""
    if token.revoked_at is not None:
        return
    token.revoked_at = now
    audit.record(token.organization_id, "token.revoked", token.prefix, before={"name": token.name})
    for child in queries.made_with(token):
        revoke(child, now=now)


def _facts(row: ApiToken, login: str) -> dict[str, object]:
    return {"name": row.name, "owner": login, "read_only": row.is_read_only, "expires_at": row.expires_at}
