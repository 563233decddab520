"""Reads of our own rows; Stripe is never asked to show a page."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from portal.domain.errors import ConflictError, NotFoundError
from portal.domain.period import Month
from portal.ledger.open_balance import OpenBalance, open_balance_of
from portal.models import Counter, Organization, PaymentMethod, StripeEvent
from portal.payment_methods import queue
from portal.storage import db

REVISION = "payment_method_revision"  # counts every change of an organization's methods
_SOON_MONTHS = 2


class DefaultStillNeededError(ConflictError):
    """The default payment method stays while there are others. Make another one the default first."""


class DefaultChangedError(ConflictError):
    """Somebody else has just chosen another default payment method. Please look at them again."""


@dataclass(frozen=True, slots=True)
class PaymentMethodList:
    """Every payment method of an organization, the default first, seen in a month."""

    methods: Sequence[PaymentMethod]
    checks: Sequence[StripeEvent]
    month: Month
    is_stripe_answering: bool
    balance: OpenBalance

    @property
    def as_of(self) -> dt.datetime | None:
        """Return when the oldest of this was last compared with Stripe."""
        return min((method.synced_at for method in self.methods), default=None)

    @property
    def checked(self) -> Sequence[StripeEvent]:
        """The open checks: their outcome is not known yet."""
        return [check for check in self.checks if check.done_at is None]

    @property
    def refused(self) -> Sequence[StripeEvent]:
        """The checks that Stripe refused in the end."""
        return [check for check in self.checks if check.refusal is not None]

    def is_expired(self, method: PaymentMethod) -> bool:
        """A card is good to the end of the month that is printed on it."""
        good_through = _good_through(method)
        return good_through is not None and good_through < self.month

    def is_expiring(self, method: PaymentMethod) -> bool:
        """Tell whether a card that is still good will soon be none."""
        good_through = _good_through(method)
        return good_through is not None and self.month <= good_through <= self.month.shifted(_SOON_MONTHS)


def payment_methods_of(
    organization: Organization, *, is_stripe_answering: bool, now: dt.datetime, today: dt.date
) -> PaymentMethodList:
    """Return the methods, and what is to be paid without them; `today` is the seller's."""
    return PaymentMethodList(
        methods_of(organization),
        queue.checks_of(organization, now=now),
        Month.of(now),
        is_stripe_answering,
        open_balance_of(organization, today=today),
    )


def payment_method_of(organization: Organization, uid: UUID) -> PaymentMethod:
    """Return a payment method; NotFoundError if there is none, or it is another organization's."""
    query = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization.id, PaymentMethod.uid == uid
    )
    method: PaymentMethod | None = db.session.scalar(query)
    if method is None:
        raise NotFoundError("There is no such payment method.")
    return method


def removable_method_of(organization: Organization, uid: UUID, successor: UUID | None) -> PaymentMethod:
    """Return a method that may be removed: the default, while there are others, only with a successor."""
    method = payment_method_of(organization, uid)
    if successor is None and method.is_default and len(methods_of(organization)) > 1:
        raise DefaultStillNeededError
    if successor is not None and payment_method_of(organization, successor) is method:
        raise ConflictError("A payment method cannot succeed itself. Choose another one.")
    return method


def default_of(organization: Organization) -> UUID | None:
    query = select(PaymentMethod.uid).where(
        PaymentMethod.organization_id == organization.id, PaymentMethod.is_default
    )
    return db.session.scalar(query)


def method_with_stripe_id(organization: Organization, stripe_id: str) -> PaymentMethod | None:
    query = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization.id, PaymentMethod.stripe_id == stripe_id
    )
    return db.session.scalar(query)


def method_like(
    organization: Organization, stripe_id: str, payment_type: str, fingerprint: str | None
) -> PaymentMethod | None:
    """Return this method, or a stored method that is the same card or account."""
    same = (row for row in methods_of(organization) if row.payment_type == payment_type)
    return method_with_stripe_id(organization, stripe_id) or next(
        (row for row in same if fingerprint and row.fingerprint == fingerprint), None
    )


def mandated_methods_of(organization: Organization) -> set[str]:
    """Return the ids at Stripe of the methods whose mandate is stored."""
    return {row.stripe_id for row in methods_of(organization) if row.mandate_reference}


def customer_id_of(organization: Organization) -> str | None:
    """Return the organization's customer id at Stripe, as it is stored now."""
    return db.session.scalar(
        select(Organization.stripe_customer_id).where(Organization.id == organization.id)
    )


def revision_of(organization: Organization) -> int:
    """Return how often the organization's methods were written."""
    query = select(Counter.last).where(Counter.organization_id == organization.id, Counter.name == REVISION)
    return db.session.scalar(query) or 0


def methods_of(organization: Organization) -> Sequence[PaymentMethod]:
    query = select(PaymentMethod).where(PaymentMethod.organization_id == organization.id)
    query = query.order_by(PaymentMethod.is_default.desc(), PaymentMethod.id)
    return db.session.scalars(query, execution_options={"populate_existing": True}).all()


def _good_through(method: PaymentMethod) -> Month | None:
    if method.exp_year is None or method.exp_month is None:
        return None
    return Month(method.exp_year, method.exp_month)
