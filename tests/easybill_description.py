"""EasyBill's public description, where it lies beside the project: what may be sent, and what is answered."""

import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, Response, request
from jsonschema import Draft7Validator

FOLDER = Path(__file__).parents[2] / "shared/data"
_KINDS = {
    "customers": "Customer",
    "documents": "Document",
    "document-payments": "DocumentPayment",
    "post-boxes": "PostBox",
    "webhooks": "WebHook",
}


def absent() -> str | None:
    """Return why nothing can be compared with the description, or None."""
    if all((FOLDER / name).exists() for name in ("easybill_check.py", "easybill-swagger.json")):
        return None
    return f"{FOLDER} is absent: EasyBill's public description is not part of the project"


@cache
def description() -> ModuleType:
    spec = importlib.util.spec_from_file_location("easybill_check", FOLDER / "easybill_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def validator(kind: str) -> Draft7Validator:
    return Draft7Validator(description().schema_of(kind))


def watch(app: Flask) -> list[str]:
    """Compare what a sandbox answers from now on with the description; faults are added to the list."""
    faults: list[str] = []

    def compare(response: Response) -> Response:
        if response.is_json and response.status_code < 300:
            faults.extend(_faults(request.method, request.path, response.json))
        return response

    if absent() is None:
        app.after_request(compare)
    return faults


def _faults(method: str, path: str, answer: Any) -> Iterator[str]:
    kind = _KINDS.get(path.removeprefix("/rest/v1/").partition("/")[0])
    if kind is None:
        return
    is_list = "items" in answer and "pages" in answer
    for body in answer["items"][:1] if is_list else [answer]:  # one of a list: they are all made alike
        for error in validator(kind).iter_errors(body):
            yield f"{method} {path}: {error.json_path}: {error.message}"
        absent_names = set(description().SWAGGER["definitions"][kind]["properties"]) - set(body)
        if absent_names:
            yield f"{method} {path}: lacks {sorted(absent_names)}"


def not_writable(kind: str, body: dict[str, Any]) -> set[str]:
    """Return the names in a request's body that the description does not let a client write."""
    writable = description().writable
    wrong = set(body) - writable(kind)
    for item in body.get("items") or ():
        wrong |= {f"items.{name}" for name in set(item) - writable("DocumentPosition")}
    if body.get("service_date"):
        wrong |= {f"service_date.{name}" for name in set(body["service_date"]) - writable("ServiceDate")}
    return wrong
