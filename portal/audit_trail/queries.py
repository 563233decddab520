"""Reads of the audit trail. Each takes the organization first; none writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.slices import ListPage, Slice
from portal.models import AuditEntry, Organization
from portal.storage.lists import newest_first

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry, with its action and subject in words."""

    entry: AuditEntry

    @property
    def what(self) -> str:
        """Say `payment_method.added` as a person would."""
        return self.entry.action.replace(".", " ").replace("_", " ").capitalize()

    @property
    def subject(self) -> str:
        """Name what changed where a person knows it by that name: an id says nothing."""
        facts = (self.entry.before or {}) | (self.entry.after or {})
        named: str = facts.get("number") or facts.get("login") or facts.get("product") or self.entry.subject
        return "" if _ID.fullmatch(named) else named


@dataclass(frozen=True, kw_only=True)
class AuditTrail(ListPage):
    """A slice of an organization's trail, the latest entry first."""

    entries: Sequence[EntryRow]


def trail_of(organization: Organization, page_slice: Slice) -> AuditTrail:
    query = select(AuditEntry).where(AuditEntry.organization_id == organization.id)
    shown, next_key = newest_first(query, page_slice, AuditEntry.id)
    return AuditTrail(entries=[EntryRow(entry) for entry in shown], next_key=next_key)
