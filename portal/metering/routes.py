"""Where collectors report usage. A collector's token can do this, and nothing else."""

from typing import Annotated

from flask import Blueprint
from msgspec import Meta

from portal.access.auth import COLLECTOR, Policy
from portal.metering import schema
from portal.metering.ingest import ENTRIES_MAX, ingest
from portal.web.clock import now
from portal.web.entries import entries_of_body
from portal.web.operations import Operation

bp = Blueprint("metering", __name__)
_UNPACKED_MAX_BYTES = 16 * 1024 * 1024


@bp.post("/billing/usage")
@Policy(COLLECTOR, body_max_bytes=_UNPACKED_MAX_BYTES)
@Operation("report_usage", body=Annotated[list[schema.UsageEntry], Meta(max_length=ENTRIES_MAX)])
def report() -> schema.Reported:
    entries = entries_of_body(unpacked_max_bytes=_UNPACKED_MAX_BYTES)
    return schema.reported(ingest(entries, now=now()))
