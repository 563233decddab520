"""Reads of the audit trail. Each takes the organization first; none writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEntry, Organization
from portal.web.lists import ListPage, Slice


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact of a change, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry, and what it changed in words."""

    entry: AuditEntry

    @property
    def what(self) -> str:
        """Say `payment_method.added` as a person would."""
        return self.entry.action.replace(".", " ").replace("_", " ").capitalize()

    @property
    def differences(self) -> Sequence[Difference]:
        """Return the facts that changed, as text."""
        before, after = self.entry.before or {}, self.entry.after or {}
        names = list(before) + [name for name in after if name not in before]
        return [
            Difference(name.replace("_", " "), _text(before.get(name)), _text(after.get(name)))
            for name in names
            if before.get(name) != after.get(name)
        ]


@dataclass(frozen=True, kw_only=True)
class AuditTrail(ListPage):
    """A slice of an organization's trail, the latest entry first."""

    organization: Organization
    entries: Sequence[EntryRow]


def trail_of(organization: Organization, wanted: Slice) -> AuditTrail:
    query = select(AuditEntry).where(AuditEntry.organization_id == organization.id)
    if wanted.after is not None:
        query = query.where(AuditEntry.id < wanted.after[0])
    rows = db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(wanted.rows_to_read)).all()
    shown, next_key = wanted.cut(rows, lambda entry: (entry.id,))
    return AuditTrail(
        organization=organization, entries=[EntryRow(each) for each in shown], next_key=next_key
    )


def _text(value: Any) -> str:
    """Say a fact in one line."""
    if isinstance(value, dict):
        return ", ".join(_parts(value))
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _parts(value: dict[str, Any]) -> Iterator[str]:
    for name, each in value.items():
        yield f"{name}: {_text(each)}"
