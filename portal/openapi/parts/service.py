"""The addresses that operations watch, and this document."""

from __future__ import annotations

from portal.access.auth import PUBLIC
from portal.openapi.headers import header_refs
from portal.openapi.operations import Part, answer, operation
from portal.openapi.shapes import answered, ref
from portal.web.json import JSON

_WELL = answer("All is well.", ref("Health"))
_DOCUMENT: JSON = {"type": "object", "description": "OpenAPI 3.1.", "required": ["openapi", "info", "paths"]}

PART = Part(
    tag="Service",
    about="For everybody, without a token.",
    paths={
        "/healthz": {
            "get": operation(
                "get_health", "The process is up", wanted=PUBLIC, answers={200: _WELL}, refused=(500,)
            ),
        },
        "/readyz": {
            "get": operation(
                "get_readiness",
                "The database answers, and its migrations are applied",
                wanted=PUBLIC,
                answers={200: _WELL},
                refused=(500, 503),
            ),
        },
        "/openapi.json": {
            "get": operation(
                "get_openapi",
                "This document",
                wanted=PUBLIC,
                answers={
                    200: answer("The document.", _DOCUMENT, "ETag"),
                    304: {
                        "description": "It is the one that `If-None-Match` names.",
                        "headers": header_refs("ETag"),
                    },
                },
                refused=(500,),
            ),
        },
    },
    schemas={"Health": answered("How it is.", {"status": {"const": "ok"}})},
)
