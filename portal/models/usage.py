"""Metered usage: whole nano-units per organization, hour and subscription, and the same by day.

No foreign keys for hours and days: entries are written whole hours at a time from subscriptions just
read, and a subscription is never deleted.
"""

import datetime as dt

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.rating import ENTRY_MAX_NANO
from portal.models.owned import ORGANIZATION, OrganizationOwned, owned_table, refers_to
from portal.storage import Model


def _key() -> Mapped[int]:
    return mapped_column(Integer, primary_key=True, autoincrement=False)


def _nano(name: str) -> Mapped[int]:
    """Return a column of nano-units. Its name in the database is older than that of its attribute."""
    return mapped_column(name, BigInteger, key=f"{name}_nano")


class UsageHour(Model):
    """The usage of a subscription in an hour. The higher revision of an entry counts."""

    __tablename__ = "usage_hour"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 0 AND {ENTRY_MAX_NANO}", name="quantity_in_bounds"),
        {"info": ORGANIZATION, "sqlite_with_rowid": False},
    )
    organization_id: Mapped[int] = _key()
    hour: Mapped[int] = _key()
    subscription_id: Mapped[int] = _key()
    revision: Mapped[int] = mapped_column(Integer, default=0)
    quantity_nano: Mapped[int] = _nano("quantity")


class UsageDay(Model):
    """The sum of a subscription's hours of a day, written in the same transaction as the hours."""

    __tablename__ = "usage_day"
    __table_args__ = ({"info": ORGANIZATION, "sqlite_with_rowid": False},)
    organization_id: Mapped[int] = _key()
    day: Mapped[int] = _key()
    subscription_id: Mapped[int] = _key()
    quantity_nano: Mapped[int] = _nano("quantity")


class UsageCorrection(OrganizationOwned, Model):
    """A delivery's change of an hour of an invoiced month. Rows are only added.

    `invoice_id` is the invoice that billed the difference; none yet while it is pending.
    """

    __tablename__ = "usage_correction"
    __table_args__ = owned_table(
        "usage_correction",
        refers_to("subscription", "subscription_id"),
        refers_to("invoice", "invoice_id"),
        Index("ix_usage_correction_hour", "organization_id", "hour"),
    )
    hour: Mapped[int] = mapped_column(Integer)
    subscription_id: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(Integer)
    delta_nano: Mapped[int] = _nano("delta")
    arrived_at: Mapped[dt.datetime]
    invoice_id: Mapped[int | None] = mapped_column(Integer)
