"""The audit trail."""

from __future__ import annotations

from portal.openapi.operations import OF_ORGANIZATION, SLICE, Part, operation, slice_of
from portal.openapi.shapes import INSTANT, TEXT, UID, answered, or_null, said
from portal.web.json import JSON

_SHA256: JSON = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_FACTS = said(or_null({"type": "object"}), "Facts by name, as the action has them.")

PART = Part(
    tag="Audit trail",
    about="Every change of money or access, each entry bound to the one before it.",
    paths={
        "/organizations/{organization_id}/audit": {
            "get": operation(
                "list_audit_entries",
                "The audit trail of an organization, the latest entry first",
                wanted="billing:update",
                parameters=[OF_ORGANIZATION, *SLICE],
                answers={200: slice_of("AuditEntry")},
            ),
        },
    },
    schemas={
        "AuditEntry": answered(
            "Who changed what.",
            {
                "id": UID,
                "number": {"type": "integer", "minimum": 1, "description": "Counts within the organization."},
                "at": INSTANT,
                "actor": said(TEXT, "A person, a token of theirs, a collector, or the portal itself."),
                "account_id": or_null(UID),
                "action": said(TEXT, "Such as payment_method.added."),
                "subject": said(TEXT, "What was changed."),
                "before": _FACTS,
                "after": _FACTS,
                "request_id": or_null(UID),
                "previous_sha256": said(_SHA256, "Of the entry before it."),
                "sha256": said(_SHA256, "Of this entry, with the one before it."),
            },
        ),
    },
)
