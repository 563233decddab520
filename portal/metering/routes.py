"""Where collectors report usage. A collector's token can do this, and nothing else."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from portal.access.auth import COLLECTOR, policy
from portal.metering.ingest import ingest
from portal.web.bodies import json_or_lines
from portal.web.clock import now

bp = Blueprint("metering", __name__)
_UNPACKED_MAX_BYTES = 16 * 1024 * 1024


@bp.post("/billing/usage")
@policy(COLLECTOR, body_max_bytes=_UNPACKED_MAX_BYTES)
def report() -> Response:
    done = ingest(json_or_lines(unpacked_max_bytes=_UNPACKED_MAX_BYTES), now=now())
    written = done.written
    return jsonify(
        {
            "new": written.new,
            "same": written.same,
            "replaced": written.replaced,
            "corrections": written.corrections,
            "stale": written.stale,
            "rounded": done.rounded,
        }
    )
