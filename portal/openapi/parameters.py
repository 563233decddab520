"""What requests say beside their bodies: ids in the path, parameters of the query, one header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portal.access.auth import COLLECTOR, PUBLIC, SIGNED_IN
from portal.access.idempotency import KEY_CHARACTER, KEY_LENGTH_MAX
from portal.domain.slices import LIMIT_DEFAULT, LIMIT_MAX
from portal.openapi.faces import Face
from portal.web.json import JSON

_UID: JSON = {"type": "string", "format": "uuid"}
_TEXT: JSON = {"type": "string"}
_LIMIT: JSON = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
_KEY: JSON = {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX, "pattern": f"^{KEY_CHARACTER}+$"}


def _parameter(
    name: str, location: str, description: str, schema: JSON, *, is_required: bool = False
) -> JSON:
    return {
        "name": name,
        "in": location,
        "required": is_required,
        "description": description,
        "schema": schema,
    }


PARAMETERS: Mapping[str, JSON] = {
    "organization_in_path": _parameter("organization_id", "path", "Whose.", _UID, is_required=True),
    "organization_in_query": _parameter(
        "organization_id", "query", "Whose; the token's organization where it is left out.", _UID
    ),
    "limit": _parameter("limit", "query", "How many at most.", _LIMIT),
    "cursor": _parameter("cursor", "query", "Where the slice begins: taken from `Link`, and opaque.", _TEXT),
    "idempotency_key": _parameter(
        "Idempotency-Key",
        "header",
        "Makes sending again harmless: an equal request with the same key, within 24 hours, is answered as "
        "the first one was; another request with that key is refused with 422.",
        _KEY,
    ),
}


def parameters_of(face: Face, query: JSON) -> Iterator[JSON]:
    """Yield an operation's parameters; `query` is the schema of what is its own in the query."""
    for name in sorted(face.rule.arguments, key=face.rule.rule.index):
        yield _of_path(face, name)
    is_of_organization = face.policy not in {PUBLIC, SIGNED_IN, COLLECTOR}
    if is_of_organization and "organization_id" not in face.rule.arguments:
        yield _shared("organization_in_query")
    yield from face.operation.parameters
    for name, schema in query.get("properties", {}).items():
        plain = {word: value for word, value in schema.items() if word != "description"}
        is_required = name in query["required"]
        yield _parameter(name, "query", schema["description"], plain, is_required=is_required)
    if face.is_sliced:
        yield from (_shared("limit"), _shared("cursor"))
    if face.is_answer_kept or face.operation.passes_key_on:
        yield _shared("idempotency_key")


def _of_path(face: Face, name: str) -> JSON:
    if name == "organization_id":
        return _shared("organization_in_path")
    is_uid = f"<uuid:{name}>" in face.rule.rule
    description = face.operation.path.get(name, "Which one.")
    return _parameter(name, "path", description, _UID if is_uid else _TEXT, is_required=True)


def _shared(name: str) -> JSON:
    return {"$ref": f"#/components/parameters/{name}"}
