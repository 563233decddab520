"""Puts the parts together. An operation or a shape that two parts describe stops the start-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.openapi import conventions, headers, operations, refusals, shapes
from portal.openapi.operations import Part
from portal.openapi.parts import (
    audit_trail,
    invoices,
    legal_invoices,
    metering,
    payment_methods,
    profile,
    service,
    subscriptions,
    tokens,
    usage,
)
from portal.web.json import JSON

PARTS: Sequence[Part] = tuple(
    each.PART
    for each in (
        usage,
        subscriptions,
        invoices,
        legal_invoices,
        payment_methods,
        profile,
        tokens,
        audit_trail,
        metering,
        service,
    )
)


def document() -> JSON:
    """Return the whole description, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Billing portal", "version": "1", "description": conventions.ABOUT},
        "servers": [{"url": "/", "description": "Where this document is."}],
        "tags": [{"name": each.tag, "description": each.about} for each in PARTS],
        "paths": _paths(),
        "components": {
            "schemas": _merged(shapes.SCHEMAS, refusals.SCHEMAS, *(each.schemas for each in PARTS)),
            "responses": dict(refusals.RESPONSES),
            "parameters": dict(operations.PARAMETERS),
            "headers": dict(headers.HEADERS),
            "securitySchemes": {
                "bearer": _bearer(conventions.BEARER),
                "collector": _bearer(conventions.COLLECTOR),
            },
        },
    }


def _paths() -> JSON:
    paths: dict[str, JSON] = {}
    for part in PARTS:
        for path, methods in part.paths.items():
            tagged = {method: {"tags": [part.tag], **each} for method, each in methods.items()}
            paths[path] = _merged(paths.get(path, {}), tagged)
    return paths


def _merged(*parts: Mapping[str, JSON]) -> JSON:
    found: JSON = {}
    for part in parts:
        assert not found.keys() & part.keys(), f"described twice: {found.keys() & part.keys()}"
        found |= part
    return found


def _bearer(description: str) -> JSON:
    return {"type": "http", "scheme": "bearer", "description": description}
