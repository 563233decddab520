"""Keeps EasyBill's customers in step with the billing profiles: `number` there is our customer number.

A change of a profile only raises its version, in the same transaction. Here EasyBill is told, outside any:
before the next document of an organization, and by the clock. A lost answer is harmless, because a customer
is looked for by number before one is made, and telling it again changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import case, or_, select, update

from portal.domain.errors import ProviderRefusedError, ProviderUnavailableError
from portal.gateways.easybill import EasybillGateway
from portal.gateways.easybill_http import EasybillKeyRefusedError
from portal.gateways.easybill_shapes import CustomerFacts
from portal.models import Organization
from portal.storage.database import db, reading

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What we know before we ask; `told_version` is the profile that EasyBill was told last."""

    customer_id: str | None
    version: int
    told_version: int | None
    facts: CustomerFacts

    @property
    def is_in_step(self) -> bool:
        return self.customer_id is not None and self.version == self.told_version


def in_step(easybill: EasybillGateway, organization_id: int) -> str:
    """Return EasyBill's customer of an organization, once it says what the profile says."""
    known = _read(organization_id)
    if known.is_in_step:
        assert known.customer_id, "it is in step"
        return known.customer_id
    customer_id = known.customer_id or easybill.customer_by_number(known.facts.number)
    if customer_id:
        easybill.update_customer(customer_id, known.facts)
    else:
        customer_id = easybill.create_customer(known.facts)
    return _record(organization_id, customer_id, known)


def tell_changes(easybill: EasybillGateway) -> int:
    """Tell EasyBill of every changed profile whose customer it has; return how many there were.

    What EasyBill does not take now stays out of step: the next run tells it again.
    """
    told = 0
    for organization_id in _out_of_step():
        try:
            in_step(easybill, organization_id)
            told += 1
        except (ProviderUnavailableError, EasybillKeyRefusedError) as error:
            log.warning("changed profiles wait for easybill", extra={"reason": str(error)})
            break
        except ProviderRefusedError as error:  # its next document will be stuck with the same reason
            log.warning(
                "a profile was refused", extra={"organization": organization_id, "reason": str(error)}
            )
    return told


def _out_of_step() -> list[int]:
    query = select(Organization.id).where(
        Organization.invoicing_customer_id.is_not(None),
        or_(
            Organization.invoicing_profile_version.is_(None),
            Organization.invoicing_profile_version != Organization.profile_version,
        ),
    )
    with reading():
        found = list(db.session.scalars(query.order_by(Organization.id)))
        db.session.commit()
    return found


def _read(organization_id: int) -> _Known:
    with reading():
        organization = db.session.get_one(Organization, organization_id, populate_existing=True)
        known = _Known(
            customer_id=organization.invoicing_customer_id,
            version=organization.profile_version,
            told_version=organization.invoicing_profile_version,
            facts=_facts(organization),
        )
        db.session.commit()
    return known


def _facts(organization: Organization) -> CustomerFacts:
    return CustomerFacts(
        number=organization.number,
        name=organization.name,
        street=organization.street,
        postal_code=organization.postal_code,
        city=organization.city,
        country=organization.country,
        vat_id=organization.vat_id,
        emails=tuple(organization.emails),
        buyer_reference=organization.buyer_reference,
    )


def _record(organization_id: int, customer_id: str, known: _Known) -> str:
    """Store who the customer is, and what it was told; return the one that counts.

    Whoever stored an id first is right. If another worker has told EasyBill something meanwhile, nobody knows
    which of the two came last, so the customer counts as out of step.
    """
    is_ours = Organization.invoicing_customer_id.is_(None) | (
        Organization.invoicing_customer_id == customer_id
    )
    is_untouched = Organization.invoicing_profile_version.is_not_distinct_from(known.told_version)
    query = update(Organization).where(Organization.id == organization_id, is_ours)
    statement = query.values(
        invoicing_customer_id=customer_id,
        invoicing_profile_version=case((is_untouched, known.version), else_=None),
    )
    db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.expire_all()
    stored = db.session.scalar(
        select(Organization.invoicing_customer_id).where(Organization.id == organization_id)
    )
    db.session.commit()
    assert stored, "either we or somebody else has stored it"
    return stored
