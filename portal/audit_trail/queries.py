"""Reads of the audit trail. Each takes the organization first; none writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.domain.money import Money
from portal.domain.slices import ListPage, Slice
from portal.models import AuditEntry, Organization
from portal.storage.database import db
from portal.web.filters import money

_CENTS = "_cents"
_LEFT_OUT = {"id", "number", "login", "currency", "sha256"}  # said beside it, or by nobody
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
    def subject(self) -> str:
        """Name what changed where a person knows it by that name: an id says nothing."""
        facts = (self.entry.before or {}) | (self.entry.after or {})
        named: str = facts.get("number") or facts.get("login") or facts.get("product") or self.entry.subject
        return "" if _ID.fullmatch(named) else named

    @property
    def differences(self) -> Sequence[Difference]:
        """Return the facts that changed, as text."""
        before, after = self.entry.before or {}, self.entry.after or {}
        names = list(before) + [name for name in after if name not in before]
        return [
            Difference(_label(name), _text(name, before), _text(name, after))
            for name in names
            if before.get(name) != after.get(name) and name not in _LEFT_OUT
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


def _label(name: str) -> str:
    return name.removesuffix(_CENTS).replace("_", " ")


def _text(name: str, facts: Mapping[str, Any]) -> str:
    """Say a fact in one line; an amount in its currency."""
    value, currency = facts.get(name), facts.get("currency")
    if name.endswith(_CENTS) and currency and isinstance(value, int):
        return money(Money(value, currency))
    return _line(value)


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_line(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_line(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
