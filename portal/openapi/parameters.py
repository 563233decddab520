"""The parameters of requests: ids in the path, names of the query, one header."""

from collections.abc import Iterator

from portal.access.auth import COLLECTOR, PUBLIC, SIGNED_IN
from portal.openapi.common import reference
from portal.openapi.faces import Face
from portal.web.json import JSON


def parameters_of(face: Face, query: JSON, path: JSON) -> Iterator[JSON]:
    """Yield an operation's parameters.

    `query` is the schema of its own part of the query; `path` says what the ids in the path are.
    """
    for name in sorted(face.rule.arguments, key=face.rule.rule.index):
        yield _of_path(face, name, path.get(name, "Which one."))
    is_of_organization = face.policy.requirement not in {PUBLIC, SIGNED_IN, COLLECTOR}
    if is_of_organization and "organization_id" not in face.rule.arguments:
        yield reference("parameters", "organization_in_query")
    for name, schema in query.get("properties", {}).items():
        plain = {word: value for word, value in schema.items() if word != "description"}
        yield {
            "name": name,
            "in": "query",
            "required": name in query["required"],
            "description": schema["description"],
            "schema": plain,
        }
    if face.is_sliced:
        yield from (reference("parameters", name) for name in ("limit", "cursor"))
    if face.is_answer_kept or face.operation.passes_key_on:
        yield reference("parameters", "idempotency_key")


def _of_path(face: Face, name: str, description: str) -> JSON:
    if name == "organization_id":
        return reference("parameters", "organization_in_path")
    is_uid = f"<uuid:{name}>" in face.rule.rule
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "format": "uuid"} if is_uid else {"type": "string"},
    }
