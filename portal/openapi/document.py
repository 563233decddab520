"""Puts the description together: the operations of each room, and the shapes that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask
from msgspec import Struct

from portal.access.auth import COLLECTOR, PUBLIC
from portal.openapi import conventions
from portal.openapi.faces import Face, faces_of
from portal.openapi.headers import HEADERS, header_refs
from portal.openapi.parameters import PARAMETERS, parameters_of
from portal.openapi.refusals import RESPONSES, refusals
from portal.web.bodies import Nothing
from portal.web.errors import Errors
from portal.web.json import JSON
from portal.web.operations import Operation


def document(app: Flask) -> JSON:
    """Return the whole description of an app, OpenAPI 3.1."""
    rooms = list(conventions.TAGS)
    faces = sorted(faces_of(app), key=lambda face: rooms.index(face.room))
    shapes, components = _described(faces)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Billing portal", "version": "1", "description": conventions.ABOUT},
        "servers": [{"url": "/", "description": "Where this document is."}],
        "tags": [
            {"name": name, "description": about} for name, about in dict(conventions.TAGS.values()).items()
        ],
        "paths": _paths(faces, shapes),
        "components": {
            "schemas": components,
            "responses": dict(RESPONSES),
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
            "securitySchemes": {
                "bearer": _bearer(conventions.BEARER),
                "collector": _bearer(conventions.COLLECTOR),
            },
        },
    }


Shapes = Mapping[Any, JSON]  # the schema of each type


def _described(faces: Sequence[Face]) -> tuple[Shapes, dict[str, JSON]]:
    """Return the schema of each type that the operations name, and the components that these refer to."""
    operations = [face.operation for face in faces]
    queries: list[type[Struct]] = [each.query for each in operations if each.query is not None]
    bodies = [each.body for each in operations if each.body is not None]
    answers = [face.answer for face in faces if face.answer is not None]
    kinds: list[Any] = [Errors, Nothing, *answers, *bodies, *queries]
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
    tag, _ = conventions.TAGS[face.room]
    described: JSON = {"tags": [tag], "operationId": operation.name, "summary": operation.summary}
    if operation.details:
        described["description"] = operation.details
    parameters = list(parameters_of(face, shapes[operation.query] if operation.query else {}))
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _body(operation, shapes)
    answers = {str(status): answer for status, answer in _answers(face, shapes).items()}
    described["responses"] = answers | refusals(face.refuses)
    described["security"] = _security(face.policy)
    return described


def _body(operation: Operation, shapes: Shapes) -> JSON:
    schema = shapes[operation.body]
    content: JSON = {"application/json": {"schema": schema}}
    if operation.lines:
        lines = {"type": "string", "description": "An entry a line."}
        content["application/x-ndjson"] = {"schema": lines, "example": operation.lines}
    return {"required": schema.get("properties") != {}, "content": content}


def _answers(face: Face, shapes: Shapes) -> Mapping[int, JSON]:
    if face.operation.answers:
        return face.operation.answers
    if face.operation.media_types:
        return _unchanging_file(face)
    replayed = ["Idempotent-Replayed"] if face.is_answer_kept else []
    if face.answer is None:
        return {HTTPStatus.NO_CONTENT: _answer(face, *replayed)}
    linked = ["Link"] if face.is_sliced else []
    content = {"application/json": {"schema": shapes[face.answer]}}
    return {face.operation.status: _answer(face, *replayed, *linked) | {"content": content}}


def _answer(face: Face, *headers: str) -> JSON:
    usual = "A slice of the list." if face.is_sliced else "Found."
    return {"description": face.operation.done or usual, "headers": header_refs(*headers)}


def _unchanging_file(face: Face) -> Mapping[int, JSON]:
    headers = header_refs("ETag", "Content-Disposition")
    content: JSON = {media_type: {} for media_type in face.operation.media_types}
    same = "It is the one that `If-None-Match` names."
    return {
        HTTPStatus.OK: {"description": "The file.", "headers": headers, "content": content},
        HTTPStatus.NOT_MODIFIED: {"description": same, "headers": headers},
    }


def _security(policy: str) -> list[JSON]:
    if policy == PUBLIC:
        return []
    return [{"collector": []}] if policy == COLLECTOR else [{"bearer": [policy]}]


def _bearer(description: str) -> JSON:
    return {"type": "http", "scheme": "bearer", "description": description}
