"""What an operation is made of: parameters, a body, answers, who may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from portal.access.auth import COLLECTOR, PUBLIC
from portal.domain.slices import LIMIT_DEFAULT, LIMIT_MAX
from portal.openapi.headers import header_refs
from portal.openapi.refusals import READING, refusals
from portal.openapi.shapes import COUNT, TEXT, UID, list_of, ref
from portal.web.json import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a room adds to the document: its operations by path and method, and its shapes."""

    tag: str
    about: str
    paths: Mapping[str, Mapping[str, JSON]]
    schemas: Mapping[str, JSON] = field(default_factory=dict)


def in_path(name: str, description: str, schema: JSON = UID) -> JSON:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def in_query(name: str, description: str, schema: JSON = TEXT, *, is_required: bool = False) -> JSON:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": description,
        "schema": schema,
    }


def _shared(name: str) -> JSON:
    return {"$ref": f"#/components/parameters/{name}"}


PARAMETERS: Mapping[str, JSON] = {
    "organization_in_path": in_path("organization_id", "Whose."),
    "organization_in_query": in_query(
        "organization_id", "Whose; the token's organization where it is left out.", UID
    ),
    "limit": in_query(
        "limit",
        "How many at most.",
        COUNT | {"minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    "cursor": in_query("cursor", "Where the slice begins: taken from `Link`, and opaque."),
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes sending again harmless: an equal request with the same key, within 24 hours, "
        "is answered as the first one was; another request with that key is refused with 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
}
OF_ORGANIZATION = _shared("organization_in_path")
ORGANIZATION = _shared("organization_in_query")
SLICE = (_shared("limit"), _shared("cursor"))
IDEMPOTENCY_KEY = _shared("idempotency_key")


def operation(
    name: str,
    summary: str,
    *,
    wanted: str,
    answers: Mapping[int, JSON],
    parameters: Sequence[JSON] = (),
    body: JSON | None = None,
    refused: Sequence[int] = READING,
    details: str = "",
) -> JSON:
    """Describe an operation; `wanted` is the policy of its view, `refused` the statuses of refusals."""
    described: JSON = {"operationId": name, "summary": summary}
    if details:
        described["description"] = details
    if parameters:
        described["parameters"] = list(parameters)
    if body:
        described["requestBody"] = body
    described["responses"] = {str(status): answer for status, answer in answers.items()} | refusals(refused)
    described["security"] = _security(wanted)
    return described


def _security(wanted: str) -> list[JSON]:
    if wanted == PUBLIC:
        return []
    return [{"collector": []}] if wanted == COLLECTOR else [{"bearer": [wanted]}]


def answer(description: str, schema: JSON, *headers: str) -> JSON:
    """Describe an answer of JSON."""
    return {
        "description": description,
        "headers": header_refs(*headers),
        "content": {"application/json": {"schema": schema}},
    }


def done(schema: JSON, description: str) -> JSON:
    """Describe the answer to a change, which an `Idempotency-Key` may repeat."""
    return answer(description, schema, "Idempotent-Replayed")


def slice_of(name: str) -> JSON:
    """Describe a slice of a list."""
    return answer("A slice of the list.", list_of(ref(name)), "Link")


def one(name: str) -> JSON:
    return answer("Found.", ref(name))


def nothing(description: str) -> JSON:
    return {"description": description, "headers": header_refs("Idempotent-Replayed")}


def body_of(schema: JSON, *, is_required: bool = True) -> JSON:
    return {"required": is_required, "content": {"application/json": {"schema": schema}}}
