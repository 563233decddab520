"""The organization that is billed: who it is, where, in which currency."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model
from portal.models.owned import REFERENCE


class Organization(Model):
    """A customer. Its name, address and VAT id go onto legal invoices, which keep their own copy."""

    __tablename__ = "organization"
    __table_args__ = ({"info": REFERENCE},)
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    street: Mapped[str]
    postal_code: Mapped[str]
    city: Mapped[str]
    country: Mapped[str] = mapped_column(String(2))
    vat_id: Mapped[str | None]
    currency: Mapped[str] = mapped_column(String(3))
    language: Mapped[str] = mapped_column(String(2), default="en")
    emails: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[dt.datetime]
    stripe_customer_id: Mapped[str | None] = mapped_column(unique=True)
    easybill_customer_id: Mapped[str | None] = mapped_column(unique=True)
