"""Puts the description together: the operations of each room, and the shapes that they name."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from flask import Flask
from msgspec import Struct

from portal.access.auth import COLLECTOR, PUBLIC
from portal.openapi.common import common, header_refs
from portal.openapi.faces import Face, faces_of
from portal.openapi.parameters import parameters_of
from portal.openapi.refusals import refusals, responses
from portal.web.bodies import Nothing
from portal.web.errors import Errors
from portal.web.json import JSON


def document(app: Flask) -> JSON:
    """Return the whole description of an app, OpenAPI 3.1."""
    own = {"rooms", "refusals", "operations"}
    written = {name: value for name, value in common().items() if name not in own}
    rooms = list(common()["rooms"])
    faces = sorted(faces_of(app), key=lambda face: rooms.index(face.room))
    shapes, schemas = _described(faces)
    components = {"schemas": schemas, "responses": responses()} | written["components"]
    return written | {"paths": _paths(faces, shapes), "components": components}


Shapes = Mapping[object, JSON]  # the schema of each type


def _described(faces: Sequence[Face]) -> tuple[Shapes, dict[str, JSON]]:
    """Return the schema of each type that the operations name, and the components that these refer to."""
    operations = [face.operation for face in faces]
    queries: list[type[Struct]] = [each.query for each in operations if each.query is not None]
    bodies = [each.body for each in operations if each.body is not None]
    answers = [face.answer for face in faces if face.answer is not None]
    kinds: list[object] = [Errors, Nothing, *answers, *bodies, *queries]
    references, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for component in components.values():
        if "enum" in component:
            component["type"] = "string"  # ours are all words
            component.pop("description", None)  # written for us; the field says what it means
    shapes = dict(zip(kinds, references, strict=True))
    shapes[Nothing] = components.pop(Nothing.__name__)
    shapes |= {query: components.pop(query.__name__) for query in queries}
    return shapes, components


def _paths(faces: Sequence[Face], shapes: Shapes) -> JSON:
    paths: dict[str, JSON] = {}
    for face in faces:
        methods = paths.setdefault(face.path, {})
        assert face.method.lower() not in methods, f"described twice: {face.method} {face.path}"
        methods[face.method.lower()] = _operation(face, shapes)
    return paths


def _operation(face: Face, shapes: Shapes) -> JSON:
    operation = face.operation
    written = common()["operations"][operation.name]
    described: JSON = {"tags": [common()["rooms"][face.room]], "operationId": operation.name}
    described |= {name: written[name] for name in ("summary", "description") if name in written}
    query = shapes[operation.query] if operation.query else {}
    parameters = [*parameters_of(face, query, written.get("path", {})), *written.get("parameters", ())]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _body(shapes[operation.body], written.get("bodies", {}))
    answers = written.get("responses") or _answers(face, shapes, written.get("done"))
    described["responses"] = {str(status): _answer(**answer) for status, answer in answers.items()}
    described["responses"] |= refusals(face.refuses)
    described["security"] = _security(face.policy.requirement)
    return described


def _body(schema: JSON, others: JSON) -> JSON:
    """Describe a body, which may be of other types of content too."""
    content = {"application/json": {"schema": schema}} | others
    return {"required": schema.get("properties") != {}, "content": content}


def _answers(face: Face, shapes: Shapes, done: str | None) -> Mapping[int, JSON]:
    """Return the good answer by its status; its headers by their names. `done` is what it says."""
    usual = "A slice of the list." if face.is_sliced else "Found."
    replayed = ["Idempotent-Replayed"] if face.is_answer_kept else []
    linked = ["Link"] if face.is_sliced else []
    answer: JSON = {"description": done or usual, "headers": [*replayed, *linked]}
    if face.answer is None:
        return {HTTPStatus.NO_CONTENT: answer}
    content = {"application/json": {"schema": shapes[face.answer]}}
    return {face.operation.status: answer | {"content": content}}


def _answer(headers: Sequence[str], **answer: object) -> JSON:
    return answer | {"headers": header_refs(*headers)}


def _security(policy: str) -> list[JSON]:
    if policy == PUBLIC:
        return []
    return [{"collector": []}] if policy == COLLECTOR else [{"bearer": [policy]}]
