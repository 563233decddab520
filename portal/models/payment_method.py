"""Payment methods: what a page shows of a card or mandate that Stripe holds. Card numbers never come here."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model
from portal.models.owned import LOCAL, OrganizationOwned, owned_table

_NAMES = {
    "sepa_debit": "SEPA Direct Debit",
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}


class PaymentMethod(OrganizationOwned, Model):
    """A card or SEPA mandate, as Stripe last told us."""

    __tablename__ = "payment_method"
    __table_args__ = owned_table("payment_method", UniqueConstraint("organization_id", "stripe_id"))
    stripe_id: Mapped[str]
    payment_type: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    brand: Mapped[str | None]
    last4: Mapped[str | None] = mapped_column(String(4))
    exp_month: Mapped[int | None] = mapped_column(Integer)
    exp_year: Mapped[int | None] = mapped_column(Integer)
    country: Mapped[str | None] = mapped_column(String(2))
    fingerprint: Mapped[str | None]
    mandate_reference: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    synced_at: Mapped[dt.datetime]

    @property
    def name(self) -> str:
        """Say what it is called on its own card or paper: Visa, American Express, SEPA Direct Debit."""
        code = self.brand or self.payment_type
        return _NAMES.get(code, code.replace("_", " ").title())

    @property
    def masked_iban(self) -> str | None:
        """`DE•• •••• 3000`: Stripe never returns a whole IBAN, and this one cannot be debited."""
        if self.payment_type != "sepa_debit":
            return None
        return f"{self.country or ''}•• •••• {self.last4 or '••••'}"


class StripeEvent(Model):
    """An event that Stripe told us, kept by its id so that a second telling changes nothing."""

    __tablename__ = "stripe_event"
    __table_args__ = ({"info": LOCAL},)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_id: Mapped[str]
    received_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None]
