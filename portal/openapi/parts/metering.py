"""Where collectors report usage."""

from __future__ import annotations

from portal.access.auth import COLLECTOR
from portal.metering.ingest import ENTRIES_MAX
from portal.openapi.operations import IDEMPOTENCY_KEY, Part, done, operation
from portal.openapi.refusals import WRITING
from portal.openapi.shapes import COUNT, UID, accepted, answered, list_of, ref, said
from portal.web.json import JSON

_LINES = (
    '{"subscription_id": "0b7e…", "hour": "2026-01-01T00:00:00Z", "quantity": "1.5"}\n'
    '{"subscription_id": "0b7e…", "hour": "2026-01-01T01:00:00Z", "quantity": "2", "revision": 1}\n'
)
_ENCODING: JSON = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "How the body is packed.",
    "schema": {"type": "string", "enum": ["gzip", "identity"], "default": "identity"},
}
_BODY: JSON = {
    "required": True,
    "description": "At most 16 MiB when unpacked.",
    "content": {
        "application/json": {"schema": list_of(ref("UsageEntry")) | {"maxItems": ENTRIES_MAX}},
        "application/x-ndjson": {
            "schema": {"type": "string", "description": "A UsageEntry a line."},
            "example": _LINES,
        },
    },
}

PART = Part(
    tag="Metering",
    about="For collectors alone, with a token that can do nothing else.",
    paths={
        "/billing/usage": {
            "post": operation(
                "report_usage",
                "Report a batch of usage: all of it is taken, or nothing",
                wanted=COLLECTOR,
                details="Repetition and order do not matter: the highest revision of an hour counts. What "
                "cannot be taken is named by its index, such as `entries[3]`.",
                parameters=[_ENCODING, IDEMPOTENCY_KEY],
                body=_BODY,
                answers={200: done(ref("Reported"), "What became of the batch.")},
                refused=[each for each in WRITING if each != 404],
            ),
        },
    },
    schemas={
        "UsageEntry": accepted(
            "What a subscription used in an hour.",
            {
                "subscription_id": UID,
                "hour": {
                    "type": "string",
                    "format": "date-time",
                    "description": "The start of a whole hour, with its zone.",
                },
                "quantity": {
                    "type": ["string", "number"],
                    "description": "A plain decimal number from 0 to 10000000; a text is exact everywhere.",
                    "pattern": r"^[0-9]{1,20}(\.[0-9]{1,40})?$",
                    "minimum": 0,
                },
                "revision": {"type": "integer", "minimum": 0, "maximum": 2**30, "default": 0},
            },
            optional=("revision",),
        ),
        "Reported": answered(
            "How many entries of a batch were what.",
            {
                "new": COUNT,
                "same": said(COUNT, "Known already."),
                "replaced": said(COUNT, "With a higher revision than the known one."),
                "corrections": said(COUNT, "Late for a month that is invoiced: billed by the next one."),
                "stale": said(COUNT, "With a lower revision than the known one."),
                "rounded": said(COUNT, "Finer than a billionth of the unit, and rounded."),
            },
        ),
    },
)
