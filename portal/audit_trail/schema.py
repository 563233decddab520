"""The JSON contract of the audit trail. Add keys freely; never rename or retype one."""

from __future__ import annotations

from portal.audit_trail.queries import AuditTrail, EntryRow
from portal.web.json import JSON, instant


def audit_trail(page: AuditTrail) -> list[JSON]:
    return [_entry(each) for each in page.entries]


def _entry(row: EntryRow) -> JSON:
    entry = row.entry
    return {
        "id": str(entry.uid),
        "number": entry.id,
        "at": instant(entry.at),
        "actor": entry.actor,
        "account_id": entry.account_uid and str(entry.account_uid),
        "action": entry.action,
        "subject": entry.subject,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "previous_sha256": entry.previous_sha256,
        "sha256": entry.sha256,
    }
