"""Making and revoking API tokens. A token made with a token ends with it, at the latest."""

import datetime as dt
from dataclasses import dataclass
from functools import partial

from portal.domain import tokens
from portal.domain.errors import ConflictError, UnauthorizedError
from portal.domain.problems import Problems
from portal.domain.text_line import required_line
from portal.ledger import audit
from portal.models import Account, ApiToken, Organization, add_owned, lock
from portal.storage import db
from portal.tokens import queries

NAME_LENGTH_MAX = 60
TOKENS_MAX = 100  # of one person in one organization
_CHAIN = "token_chain"  # locked to make or revoke: no token is made with one that is being revoked
_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


class TooManyTokensError(ConflictError):
    """You have a hundred tokens here. Revoke one first."""


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
    tidy_name = _checked_name(name, expires_at, now)
    lock(organization.id, _CHAIN)
    if parent is not None:
        db.session.refresh(parent)
        if parent.revoked_at is not None:  # while this request waited for its turn
            raise UnauthorizedError
        expires_at = min(expires_at or _NEVER, parent.expires_at or _NEVER)
    if queries.count_of(organization, owner) >= TOKENS_MAX:
        raise TooManyTokensError
    token = tokens.mint()
    row = ApiToken(
        account_id=owner.id,
        parent_id=parent and parent.id,
        name=tidy_name,
        is_read_only=is_read_only,
        prefix=tokens.shown_prefix(token),
        token_sha256=tokens.fingerprint(token),
        created_at=now,
        expires_at=None if expires_at == _NEVER else expires_at,
    )
    add_owned(organization.id, row)
    audit.record(organization.id, "token.made", row.prefix, after=_facts(row, owner.login))
    return Minted(row, token)


def _checked_name(name: str, expires_at: dt.datetime | None, now: dt.datetime) -> str | None:
    problems = Problems()
    tidy_name = problems.attempt("name", partial(required_line, name, NAME_LENGTH_MAX))
    if expires_at is not None and expires_at <= now:
        problems.add("expires_on", "is not in the future")
    problems.refuse()
    return tidy_name


def revoke(token: ApiToken, *, now: dt.datetime) -> None:
    """End a token, and all that were made with it, from the next request on."""
    lock(token.organization_id, _CHAIN)
    ending = [token]
    while ending:
        next_token = ending.pop()
        db.session.refresh(next_token)
        if next_token.revoked_at is None:
            next_token.revoked_at = now
            audit.record(
                next_token.organization_id,
                "token.revoked",
                next_token.prefix,
                before={"name": next_token.name},
            )
            ending += queries.made_with(next_token)


def _facts(row: ApiToken, login: str) -> dict[str, object]:
    return {"name": row.name, "owner": login, "read_only": row.is_read_only, "expires_at": row.expires_at}
