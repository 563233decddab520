"""Payment methods: what a page shows of a card or mandate that Stripe holds. Card numbers never come here."""

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL, ORGANIZATION, OrganizationOwned, owned_table
from portal.storage import Leased, Model

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
    __table_args__ = owned_table(
        "payment_method",
        UniqueConstraint("organization_id", "stripe_id"),
        Index("ix_payment_method_fingerprint", "organization_id", "payment_type", "fingerprint", unique=True),
        Index("ix_payment_method_stripe_id", "stripe_id"),
    )
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
    mandate_url: Mapped[str | None]
    mandate_status: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    synced_at: Mapped[dt.datetime]

    @property
    def name(self) -> str:
        """Say what it is called on its own card or paper: Visa, American Express, SEPA Direct Debit."""
        code = self.brand or self.payment_type
        return _NAMES.get(code, code.replace("_", " ").title())

    @property
    def label(self) -> str:
        """Say which one it is, in one line: Visa •••• 4242; Link, which has no number, is Link."""
        return f"{self.name} •••• {self.last4}" if self.last4 else self.name

    @property
    def is_revoked(self) -> bool:
        """Tell whether its mandate has ended, so that nothing can be debited any more."""
        return self.mandate_status == "inactive"

    @property
    def masked_iban(self) -> str | None:
        """`DE•• •••• 3000`: Stripe never returns a whole IBAN, and this one cannot be debited."""
        if self.payment_type != "sepa_debit":
            return None
        return f"{self.country or ''}•• •••• {self.last4 or '••••'}"


class PaymentMethodLease(Model):
    """Who may change an organization's methods at Stripe, and until when if it dies meanwhile."""

    __tablename__ = "payment_method_lease"
    __table_args__ = ({"info": ORGANIZATION},)
    organization_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False
    )
    holder: Mapped[UUID]
    leased_until: Mapped[dt.datetime]


class StripeEvent(Leased):
    """Something to look at Stripe for: an event that it sent, or a question of our own (`CHECK`).

    Kept by its id, so that a second delivery changes nothing. It is processed after the answer, as a queue.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        Index("ix_stripe_event_customer_id", "customer_id"),
        Index("ix_stripe_event_done_at", "done_at"),
        {"info": LOCAL},
    )
    event_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_id: Mapped[str]
    customer_id: Mapped[str | None]
    is_live: Mapped[bool] = mapped_column(default=False, server_default=false())
    received_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    refusal: Mapped[str | None]

    CHECK = "check"


class StripeCall(OrganizationOwned, Model):
    """A call to Stripe that makes something, written down before it is made: one of them has one key."""

    __tablename__ = "stripe_call"
    __table_args__ = owned_table("stripe_call", UniqueConstraint("organization_id", "kind", "subject"))
    kind: Mapped[str]
    subject: Mapped[str]
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    begun_at: Mapped[dt.datetime]
