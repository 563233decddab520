"""Keeps the provider's customers equal to the billing profiles: `number` there is our customer number.

A change of a profile only raises its version, in the same transaction. Here it is pushed, outside any:
before the next document of an organization, and by the clock. A lost answer is harmless, because a customer
is looked for by number before one is made, and pushing the same profile again changes nothing.
"""

import logging
from dataclasses import asdict, dataclass

from sqlalchemy import case, select

from portal.domain.errors import ProviderRefusedError
from portal.gateways.invoicing import InvoicingCustomer, InvoicingKeyRefusedError, InvoicingProvider
from portal.models import Organization
from portal.storage import change, db, read_transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Profile:
    """A billing profile and the version of it that the provider last had."""

    customer_id: str | None
    version: int
    pushed_version: int | None
    customer: InvoicingCustomer

    @property
    def is_synced(self) -> bool:
        return self.customer_id is not None and self.version == self.pushed_version


def ensure_synced(provider: InvoicingProvider, organization_id: int) -> str:
    """Return the provider's customer of an organization, once it says what the profile says."""
    profile = _read(organization_id)
    if profile.is_synced:
        assert profile.customer_id, "it is synced"
        return profile.customer_id
    customer_id = profile.customer_id or provider.customer_by_number(profile.customer.number)
    if customer_id:
        provider.update_customer(customer_id, profile.customer)
    else:
        customer_id = provider.create_customer(profile.customer)
    return _record(organization_id, customer_id, profile)


def push_changes(provider: InvoicingProvider) -> int:
    """Push every changed profile whose customer the provider has; return how many there were.

    A profile that the provider does not take stays unsynced: the next run pushes it again. Where the provider
    is away, or refuses our key, that is raised.
    """
    pushed = 0
    for organization_id in _unsynced():
        try:
            ensure_synced(provider, organization_id)
            pushed += 1
        except InvoicingKeyRefusedError:
            raise
        except ProviderRefusedError as error:  # its next document will be stuck with the same reason
            log.warning(
                "a profile was refused", extra={"organization": organization_id, "reason": str(error)}
            )
    return pushed


def _unsynced() -> list[int]:
    query = select(Organization.id).where(
        Organization.invoicing_customer_id.is_not(None),
        Organization.invoicing_profile_version.is_distinct_from(Organization.profile_version),
    )
    with read_transaction():
        return list(db.session.scalars(query.order_by(Organization.id)))


def _read(organization_id: int) -> _Profile:
    with read_transaction():
        organization = db.session.get_one(Organization, organization_id, populate_existing=True)
        return _Profile(
            customer_id=organization.invoicing_customer_id,
            version=organization.profile_version,
            pushed_version=organization.invoicing_profile_version,
            customer=InvoicingCustomer(organization.number, **asdict(organization.billing_profile)),
        )


def _record(organization_id: int, customer_id: str, profile: _Profile) -> str:
    """Store the customer's id and the version that was pushed; return the id that counts.

    The first id that was stored is right. If another worker has pushed a version meanwhile, the order
    of the two is unknown, so the customer counts as unsynced.
    """
    is_ours = Organization.invoicing_customer_id.is_(None) | (
        Organization.invoicing_customer_id == customer_id
    )
    is_untouched = Organization.invoicing_profile_version.is_not_distinct_from(profile.pushed_version)
    change(
        Organization,
        (Organization.id == organization_id) & is_ours,
        invoicing_customer_id=customer_id,
        invoicing_profile_version=case((is_untouched, profile.version), else_=None),
    )
    db.session.expire_all()
    stored = db.session.scalar(
        select(Organization.invoicing_customer_id).where(Organization.id == organization_id)
    )
    db.session.commit()
    assert stored, "this worker or another has stored it"
    return stored
