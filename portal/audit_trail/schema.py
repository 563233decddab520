"""The JSON contract of the audit trail. Add keys freely; never rename or retype one."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from portal.audit_trail.queries import AuditTrail
from portal.web import shapes
from portal.web.shapes import Answer, doc

_Sha256 = Annotated[str, doc(pattern="^[0-9a-f]{64}$")]
_Facts = Annotated[dict[str, Any] | None, doc("Facts by name, as the action has them.")]


class AuditEntry(Answer, frozen=True):
    """Who changed what."""

    id: UUID
    number: Annotated[int, Meta(ge=1, description="Counts within the organization.")]
    at: shapes.Instant
    actor: Annotated[str, doc("A person, a token of theirs, a collector, or the portal itself.")]
    account_id: UUID | None
    action: Annotated[str, doc("Such as payment_method.added.")]
    subject: Annotated[str, doc("What was changed.")]
    before: _Facts
    after: _Facts
    request_id: Annotated[str | None, doc(format="uuid")]
    previous_sha256: Annotated[_Sha256, doc("Of the entry before it.")]
    sha256: Annotated[_Sha256, doc("Of this entry, with the one before it.")]


def audit_trail(page: AuditTrail) -> list[AuditEntry]:
    return [
        AuditEntry.of(entry, id=entry.uid, number=entry.id, account_id=entry.account_uid)
        for entry in page.entries
    ]
