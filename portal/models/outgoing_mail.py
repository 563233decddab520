"""Mails that wait to be sent."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Leased


class OutgoingMail(Leased):
    """A mail of some `kind`, made from `facts` when it is sent: neither its text nor a secret is here."""

    __tablename__ = "outgoing_mail"
    __table_args__ = (Index("ix_outgoing_mail_sent_at", "sent_at"), {"info": LOCAL})
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[dt.datetime]
    sent_at: Mapped[dt.datetime | None]
