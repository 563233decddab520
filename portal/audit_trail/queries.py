"""Reads of the audit trail. Each takes the organization first; none writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.slices import ListPage, Slice
from portal.models import AuditEntry, Organization
from portal.storage import newest_first


@dataclass(frozen=True, kw_only=True)
class AuditTrail(ListPage):
    """A slice of an organization's trail, the latest entry first."""

    entries: Sequence[AuditEntry]


def trail_of(organization: Organization, page_slice: Slice) -> AuditTrail:
    query = select(AuditEntry).where(AuditEntry.organization_id == organization.id)
    shown, next_key = newest_first(query, page_slice, AuditEntry.id)
    return AuditTrail(entries=shown, next_key=next_key)
