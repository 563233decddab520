"""Sessions of signed-in browsers, and requests for a new password."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage.database import Model


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
