"""Where collectors report usage. A collector's token can do this, and nothing else."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint
from msgspec import Meta

from portal.access.auth import COLLECTOR, policy
from portal.metering import schema
from portal.metering.ingest import ENTRIES_MAX, ingest
from portal.web.bodies import entries_of_body
from portal.web.clock import now
from portal.web.json import JSON
from portal.web.operations import Operation

bp = Blueprint("metering", __name__)
_UNPACKED_MAX_BYTES = 16 * 1024 * 1024


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


@bp.post("/billing/usage")
@policy(COLLECTOR, body_max_bytes=_UNPACKED_MAX_BYTES)
@Operation(
    "report_usage",
    "Report a batch of usage: all of it is taken, or nothing",
    details="Repetition and order do not matter: the highest revision of an hour counts. What cannot be "
    "taken is named by its index, such as `entries[3]`. At most 16 MiB when unpacked.",
    parameters=[_ENCODING],
    body=Annotated[list[schema.UsageEntry], Meta(max_length=ENTRIES_MAX)],
    lines=_LINES,
    done="What became of the batch.",
)
def report() -> schema.Reported:
    entries = entries_of_body(unpacked_max_bytes=_UNPACKED_MAX_BYTES)
    return schema.reported(ingest(entries, now=now()))
