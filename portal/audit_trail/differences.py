"""The changes of an entry of the audit trail, in words: template filters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.domain.money import Money
from portal.models import AuditEntry
from portal.web.filters import money

_CENTS = "_cents"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT_OUT = {"id", "number", "login", "currency", "sha256"}  # shown beside it, or nowhere


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact of a change, before and after."""

    name: str
    before: str
    after: str


def differences(entry: AuditEntry) -> Sequence[Difference]:
    """Return the facts that an entry changed, as text."""
    before, after = entry.before or {}, entry.after or {}
    names = list(before) + [name for name in after if name not in before]
    return [
        Difference(_label(name), _text(name, before), _text(name, after))
        for name in names
        if before.get(name) != after.get(name) and name not in _LEFT_OUT
    ]


def subject_name(entry: AuditEntry) -> str:
    """Name what changed where a person knows it by that name: an id says nothing."""
    facts = (entry.before or {}) | (entry.after or {})
    name: str = facts.get("number") or facts.get("login") or facts.get("product") or entry.subject
    return "" if _ID.fullmatch(name) else name


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
