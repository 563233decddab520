"""Holds real answers against the document, more strictly than clients should: nothing more is in them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.app import _ROOMS
from portal.openapi import document as descriptions
from portal.web.json import JSON


@cache
def document() -> JSON:
    """Return the description of all rooms; it needs no database."""
    app = Flask("portal")
    for room in _ROOMS:
        app.register_blueprint(room)
    return descriptions.document(app)


METHODS = ("get", "put", "post", "delete")


def template_of(rule: Rule) -> str:
    """Return a rule's path as OpenAPI writes it."""
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)


def operations_of(described: JSON) -> Iterator[tuple[str, str, JSON]]:
    """Yield (method, path, operation)."""
    for path, item in described["paths"].items():
        assert set(item) <= set(METHODS), (path, set(item))
        for method, operation in item.items():
            yield method.upper(), path, operation


def resolved(described: JSON, part: JSON) -> JSON:
    """Return what a reference points to, or the part itself."""
    while "$ref" in part:
        found = described
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


class Contract:
    """The document, closed: an object has the described properties and no others."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.document = _closed(document())

    def operation(self, response: TestResponse) -> JSON:
        asked = response.request
        adapter = self.app.url_map.bind("localhost")
        rule, _ = adapter.match(asked.path, asked.method, return_rule=True)
        return self.document["paths"][template_of(rule)][asked.method.lower()]

    def check(self, response: TestResponse, status: int) -> Any:
        """Hold an answer against its operation, and return its JSON."""
        assert response.status_code == status, (response.status_code, response.text[:2000])
        answers = self.operation(response)["responses"]
        return self._check(response, answers.get(str(status), answers["default"]))

    def check_refusal(self, response: TestResponse, status: int) -> Any:
        """Hold an answer of something that is not described against the envelope."""
        assert response.status_code == status, (response.status_code, response.text[:2000])
        return self._check(response, self.document["components"]["responses"]["Refused"])

    def check_body(self, response: TestResponse, body: Any) -> None:
        """Hold what was sent against what the operation accepts."""
        content = resolved(self.document, self.operation(response)["requestBody"])["content"]
        self.validate(body, content["application/json"]["schema"])

    def validate(self, value: Any, schema: JSON) -> None:
        whole = schema | {"components": self.document["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)

    def _check(self, response: TestResponse, reference: JSON) -> Any:
        described = resolved(self.document, reference)
        self._check_headers(response, described.get("headers", {}))
        content = described.get("content")
        if content is None:
            assert response.get_data() == b""
            return None
        assert response.mimetype in content, response.mimetype
        if response.mimetype != "application/json":
            return None
        value = json.loads(response.text, parse_float=_refuse_float)
        self.validate(value, content[response.mimetype]["schema"])
        return value

    def _check_headers(self, response: TestResponse, described: JSON) -> None:
        for name in self.document["components"]["headers"]:
            if name not in response.headers:
                assert not resolved(self.document, described.get(name, {})).get("required"), name
                continue
            assert name in described, f"{name} is not described"
            self.validate(response.headers[name], resolved(self.document, described[name])["schema"])


def _refuse_float(text: str) -> None:
    raise AssertionError(f"a float: {text}")


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: _closed(each) for name, each in part.items()}
    return found | {"additionalProperties": False} if isinstance(part.get("properties"), dict) else found
