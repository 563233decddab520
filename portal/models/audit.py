"""The audit trail: every change of money or access, append-only, each row bound to the one before it."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import ORGANIZATION, OrganizationOwned, owned_table
from portal.storage import Model


class AuditEntry(OrganizationOwned, Model):
    """A change in an organization and its actor. `ledger/audit` writes it, and nothing changes it."""

    __tablename__ = "audit_entry"
    __table_args__ = owned_table("audit_entry")
    at: Mapped[dt.datetime]
    actor: Mapped[str]
    account_uid: Mapped[UUID | None]
    request_id: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    previous_sha256: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))


class AuditHead(Model):
    """The last entry of a trail on a day; a seal vouches for entries from before there was a key."""

    __tablename__ = "audit_head"
    __table_args__ = ({"info": ORGANIZATION},)
    organization_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False
    )
    entry_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    sha256: Mapped[str] = mapped_column(String(64))
    is_seal: Mapped[bool]
    signature: Mapped[str] = mapped_column(String(64))
