"""The organization that is billed: its profile and its currency."""

import datetime as dt
from dataclasses import fields
from uuid import UUID, uuid4

from sqlalchemy import JSON, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.billing_profile import BillingProfile, CheckedProfile
from portal.models.owned import REFERENCE
from portal.storage import Model


class Organization(Model):
    """A customer. Its billing profile goes onto legal invoices, which keep their own copy.

    `profile_version` counts the changes of the profile; `invoicing_profile_version` is the one that the
    invoicing provider's customer last had. While they differ, the provider gets it before the next document.
    """

    __tablename__ = "organization"
    __table_args__ = (
        # Its column had that name.
        UniqueConstraint("invoicing_customer_id", name="uq_organization_easybill_customer_id"),
        {"info": REFERENCE},
    )
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
    buyer_reference: Mapped[str | None]
    order_number: Mapped[str | None]
    profile_version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[dt.datetime]
    stripe_customer_id: Mapped[str | None] = mapped_column(unique=True)
    invoicing_customer_id: Mapped[str | None]
    invoicing_profile_version: Mapped[int | None] = mapped_column(Integer)

    @property
    def billing_profile(self) -> BillingProfile:
        """Return the billing profile, as the row has it."""
        stored = {field.name: getattr(self, field.name) for field in fields(BillingProfile)}
        return BillingProfile(**stored | {"emails": tuple(self.emails)})

    def set_billing_profile(self, profile: CheckedProfile) -> None:
        """Write the billing profile: nothing else writes these columns, and a house test holds that."""
        for name, value in profile.as_fields().items():
            setattr(self, name, value)
