"""Reads of API tokens. Each takes the caller's membership: an admin sees the tokens of every member."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select

from portal.domain.access import Role
from portal.domain.errors import NotFoundError
from portal.domain.slices import ListPage, Slice
from portal.models import Account, ApiToken, Membership, Organization
from portal.storage.database import db


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as a list shows it. The token itself is known to its maker alone."""

    uid: UUID
    name: str
    prefix: str
    owner: str
    is_read_only: bool
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    expires_at: dt.datetime | None
    has_expired: bool


@dataclass(frozen=True, kw_only=True)
class TokenList(ListPage):
    """A slice of the tokens that a member may revoke, the newest first."""

    tokens: Sequence[TokenRow]
    shows_everybodys: bool


def tokens_of(membership: Membership, page_slice: Slice, *, now: dt.datetime) -> TokenList:
    query = _query(membership)
    if page_slice.after is not None:
        query = query.where(ApiToken.id < page_slice.after[0])
    rows = db.session.execute(query.order_by(ApiToken.id.desc()).limit(page_slice.rows_to_read)).all()
    shown, next_key = page_slice.cut(rows, lambda row: (row[0].id,))
    return TokenList(
        tokens=[token_row(token, login, now=now) for token, login in shown],
        shows_everybodys=membership.role == Role.ADMIN,
        next_key=next_key,
    )


def token_row(token: ApiToken, login: str, *, now: dt.datetime) -> TokenRow:
    return TokenRow(
        uid=token.uid,
        name=token.name,
        prefix=token.prefix,
        owner=login,
        is_read_only=token.is_read_only,
        created_at=token.created_at,
        last_used_at=token.last_used_at,
        expires_at=token.expires_at,
        has_expired=token.expires_at is not None and token.expires_at <= now,
    )


def token_of(membership: Membership, uid: UUID) -> ApiToken:
    """Return a token that the member may revoke, or raise NotFoundError: for another person's too."""
    row = db.session.execute(_query(membership).where(ApiToken.uid == uid)).one_or_none()
    if row is None:
        raise NotFoundError
    token: ApiToken = row[0]
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


def _query(membership: Membership) -> Select[ApiToken, str]:
    query = (
        select(ApiToken, Account.login)
        .join(Account, Account.id == ApiToken.account_id)
        .where(ApiToken.organization_id == membership.organization_id, ApiToken.revoked_at.is_(None))
    )
    if membership.role != Role.ADMIN:
        query = query.where(ApiToken.account_id == membership.account_id)
    return query
