"""Reads of our own rows; Stripe is never asked to show a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from portal.domain.errors import ConflictError, NotFoundError
from portal.domain.period import Month
from portal.extensions import db
from portal.models import Organization, PaymentMethod

_SOON_MONTHS = 2


class DefaultStillNeededError(ConflictError):
    """The default payment method stays while there are others. Make another one the default first."""


@dataclass(frozen=True, slots=True)
class PaymentMethodList:
    """Every payment method of an organization, the default first, seen in a month."""

    methods: Sequence[PaymentMethod]
    month: Month

    def is_expired(self, method: PaymentMethod) -> bool:
        """A card is good to the end of the month that is printed on it."""
        good_through = _good_through(method)
        return good_through is not None and good_through < self.month

    def is_expiring(self, method: PaymentMethod) -> bool:
        """Tell whether a card that is still good will soon be none."""
        good_through = _good_through(method)
        return good_through is not None and self.month <= good_through <= self.month.shifted(_SOON_MONTHS)


def payment_methods_of(organization: Organization, month: Month) -> PaymentMethodList:
    return PaymentMethodList(methods_of(organization), month)


def payment_method_of(organization: Organization, uid: UUID) -> PaymentMethod:
    """Return one; NotFoundError if there is none or it is somebody else's."""
    query = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization.id, PaymentMethod.uid == uid
    )
    method: PaymentMethod | None = db.session.scalar(query)
    if method is None:
        raise NotFoundError("There is no such payment method.")
    return method


def removable_method_of(organization: Organization, uid: UUID) -> PaymentMethod:
    """Return one that may be removed: the default stays while there are others."""
    method = payment_method_of(organization, uid)
    if method.is_default and len(methods_of(organization)) > 1:
        raise DefaultStillNeededError
    return method


def method_with_stripe_id(organization: Organization, stripe_id: str) -> PaymentMethod | None:
    query = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization.id, PaymentMethod.stripe_id == stripe_id
    )
    return db.session.scalar(query)


def has_default(organization: Organization) -> bool:
    return any(method.is_default for method in methods_of(organization))


def methods_of(organization: Organization) -> Sequence[PaymentMethod]:
    query = select(PaymentMethod).where(PaymentMethod.organization_id == organization.id)
    return db.session.scalars(query.order_by(PaymentMethod.is_default.desc(), PaymentMethod.id)).all()


def _good_through(method: PaymentMethod) -> Month | None:
    if method.exp_year is None or method.exp_month is None:
        return None
    return Month(method.exp_year, method.exp_month)
