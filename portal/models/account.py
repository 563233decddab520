"""People, their permissions in each organization, and the sessions and API tokens that act for them."""

import datetime as dt
from uuid import UUID, uuid4

from flask_login import UserMixin
from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain import access
from portal.models.organization import Organization
from portal.models.owned import LOCAL, REFERENCE, OrganizationOwned, owned_table, refers_to
from portal.storage import Model


class Account(UserMixin, Model):  # type: ignore[misc]
    """A person who signs in. Their view depends on their memberships alone."""

    __tablename__ = "account"
    __table_args__ = ({"info": REFERENCE},)
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    theme: Mapped[str] = mapped_column(String(8), default="system")
    created_at: Mapped[dt.datetime]


class Membership(OrganizationOwned, Model):
    """A person in an organization: an admin, or a member with a permission table."""

    __tablename__ = "membership"
    __table_args__ = owned_table(
        "membership",
        UniqueConstraint("organization_id", "account_id"),
        Index("ix_membership_account_id", "account_id"),
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    role: Mapped[str]
    permissions: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    organization: Mapped[Organization] = relationship(viewonly=True)
    account: Mapped[Account] = relationship(viewonly=True)

    def allows(self, permission: str) -> bool:
        """Tell whether this member passes a check such as `billing:read`."""
        return access.allows(self.role, self.permissions, permission)


class ApiToken(OrganizationOwned, Model):
    """A static bearer token for one organization, acting with its owner's current rights there."""

    __tablename__ = "api_token"
    __table_args__ = owned_table(
        "api_token",
        UniqueConstraint("organization_id", "token_sha256"),
        Index("ix_api_token_token_sha256", "token_sha256"),
        refers_to("api_token", "parent_id"),
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]
    is_read_only: Mapped[bool] = mapped_column(default=False)
    parent_id: Mapped[int | None]  # the token that made this one, which ends with it
    prefix: Mapped[str]
    token_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    last_used_at: Mapped[dt.datetime | None]
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]
    account: Mapped[Account] = relationship(viewonly=True)


class Collector(Model):
    """A machine of the provider's that reports usage of every organization, and can do nothing else."""

    __tablename__ = "collector"
    __table_args__ = ({"info": REFERENCE},)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[dt.datetime]
    last_used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class UserSession(Model):
    """One browser that is signed in. Its cookie has a random id, of which only the hash is here."""

    __tablename__ = "user_session"
    __table_args__ = (Index("ix_user_session_account_id", "account_id"), {"info": LOCAL})
    id_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    uid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]
    confirmed_at: Mapped[dt.datetime]  # when the password was last typed
    address: Mapped[str]
    agent: Mapped[str]


class PasswordReset(Model):
    """A request for a new password. Its code is made when the mail is sent, and only its hash is kept."""

    __tablename__ = "password_reset"
    __table_args__ = (Index("ix_password_reset_account_id", "account_id"), {"info": LOCAL})
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    requested_at: Mapped[dt.datetime]
    token_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    sent_at: Mapped[dt.datetime | None]
