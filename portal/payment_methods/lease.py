"""One at a time talks to Stripe about changing an organization's payment methods.

The lease is a row: taken before Stripe is asked, renewed before each call that changes something, and held on
to in the transaction that writes the answer. Whoever is killed blocks the others no longer than the lease,
and whoever has lost it writes and asks nothing more. It is longer than a call to Stripe can take, so no call
is under way when another takes over.
"""

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import or_

from portal.domain.errors import ConflictError, OutcomeUnknownError
from portal.gateways.stripe import StripeGateway
from portal.models import Organization, PaymentMethodLease
from portal.storage import change, db, insert_into, write_transaction
from portal.timekeeping.clocks import true_now

_CALLS = 2  # at most as long as that many calls is Stripe asked between two renewals
_MARGIN = dt.timedelta(seconds=5)  # for what is on its way when a call is given up
_NEVER = dt.timedelta(minutes=10)  # far beyond any lease: such an instant wrote a clock that was wrong
_LOOKS = 40
_LOOK_EVERY_SECONDS = 0.05


class BeingChangedError(ConflictError):
    """Somebody else is changing the payment methods right now. Please try again in a moment."""


class LeaseLostError(OutcomeUnknownError):
    """It took too long, so it is being checked. Nothing is lost; look again in a minute."""


@dataclass(slots=True)
class Lease:
    """The right to change an organization's payment methods, as long as nobody has taken over.

    `has_changed`: Stripe did something already, so that our rows are behind until it is written.
    """

    organization_id: int
    holder: UUID
    stripe: StripeGateway
    has_changed: bool = False

    @property
    def length(self) -> dt.timedelta:
        return _CALLS * self.stripe.deadline + _MARGIN

    def take(self) -> bool:
        """Take the lease unless another holds it."""
        now = true_now()
        values = {"holder": self.holder, "leased_until": now + self.length}
        fresh = insert_into(PaymentMethodLease).values(organization_id=self.organization_id, **values)
        taken = fresh.on_conflict_do_update(
            index_elements=[PaymentMethodLease.organization_id],
            set_=values,
            where=or_(PaymentMethodLease.leased_until <= now, PaymentMethodLease.leased_until > now + _NEVER),
        )
        with write_transaction():
            return db.session.scalar(taken.returning(PaymentMethodLease.holder)) is not None

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Renew the lease for a call that changes something; a call that begins too late is not made."""
        with self.stripe.deadline_scope():
            self.renew()
            yield
            self.has_changed = True

    def renew(self) -> None:
        """Hold on for another length; LeaseLostError if another has taken over."""
        with write_transaction():
            self.hold()

    def hold(self) -> None:
        """Keep every other out until the running transaction ends; LeaseLostError if it is too late."""
        if not self._write(leased_until=true_now() + self.length):
            raise LeaseLostError

    def release(self) -> None:
        """Let the next one in; what was lost is another's."""
        with write_transaction():
            self._write(leased_until=true_now())

    def _write(self, *, leased_until: dt.datetime) -> int:
        own = (PaymentMethodLease.organization_id == self.organization_id) & (
            PaymentMethodLease.holder == self.holder
        )
        return change(PaymentMethodLease, own, leased_until=leased_until)


@contextmanager
def taken(organization: Organization, *, stripe: StripeGateway) -> Iterator[Lease]:
    """Be alone with the methods of an organization; BeingChangedError where that takes too long."""
    lease = Lease(organization.id, uuid4(), stripe)
    for _ in range(_LOOKS):
        if lease.take():
            break
        wait()
    else:
        raise BeingChangedError
    try:
        yield lease
    finally:
        lease.release()


def wait() -> None:
    """Let the holder go on for a moment."""
    time.sleep(_LOOK_EVERY_SECONDS)
