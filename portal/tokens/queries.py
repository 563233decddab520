"""Reads of API tokens. Each takes the caller's membership: an admin sees the tokens of every member."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from portal.domain.access import Role
from portal.domain.errors import NotFoundError
from portal.domain.slices import ListPage, Slice
from portal.models import Account, ApiToken, Membership, Organization
from portal.storage import db, newest_first


@dataclass(frozen=True, kw_only=True)
class TokenList(ListPage):
    """A slice of the tokens that a member may revoke, the newest first, with the accounts of their owners."""

    tokens: Sequence[ApiToken]
    shows_everybodys: bool
    now: dt.datetime

    def has_expired(self, token: ApiToken) -> bool:
        return token.expires_at is not None and token.expires_at <= self.now


def tokens_of(membership: Membership, page_slice: Slice, *, now: dt.datetime) -> TokenList:
    query = _query(membership).options(joinedload(ApiToken.account))
    shown, next_key = newest_first(query, page_slice, ApiToken.id)
    is_admin = membership.role == Role.ADMIN
    return TokenList(tokens=shown, shows_everybodys=is_admin, now=now, next_key=next_key)


def token_of(membership: Membership, uid: UUID) -> ApiToken:
    """Return a token that the member may revoke, or raise NotFoundError: for another person's too."""
    token = db.session.scalar(_query(membership).where(ApiToken.uid == uid))
    if token is None:
        raise NotFoundError
    return token


def count_of(organization: Organization, owner: Account) -> int:
    """Return how many tokens of an account in an organization are not revoked."""
    query = select(func.count()).where(
        ApiToken.organization_id == organization.id,
        ApiToken.account_id == owner.id,
        ApiToken.revoked_at.is_(None),
    )
    return db.session.scalar(query) or 0


def made_with(token: ApiToken) -> Sequence[ApiToken]:
    """Return the tokens that this one made and that still work."""
    query = select(ApiToken).where(
        ApiToken.organization_id == token.organization_id,
        ApiToken.parent_id == token.id,
        ApiToken.revoked_at.is_(None),
    )
    return db.session.scalars(query.order_by(ApiToken.id)).all()


def _query(membership: Membership) -> Select[ApiToken]:
    query = select(ApiToken).where(
        ApiToken.organization_id == membership.organization_id, ApiToken.revoked_at.is_(None)
    )
    return (
        query if membership.role == Role.ADMIN else query.where(ApiToken.account_id == membership.account_id)
    )
