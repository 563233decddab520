"""The refusals of requests: one envelope, with the codes that `web/errors` answers."""

from collections.abc import Iterable

from msgspec import to_builtins

from portal.openapi.common import common, header_refs, reference
from portal.web.errors import CODE_OF, Error, Errors, Source
from portal.web.json import JSON


def refusals(statuses: Iterable[int]) -> JSON:
    """Return the refusals of an operation; `default` stands for any other."""
    keys = [*map(str, sorted(statuses)), "default"]
    return {key: reference("responses", common()["refusals"][key]["name"]) for key in keys}


def responses() -> JSON:
    """Return each refusal by its name."""
    return {refusal["name"]: _response(key, refusal) for key, refusal in common()["refusals"].items()}


def _response(key: str, refusal: JSON) -> JSON:
    content: JSON = {"schema": reference("schemas", "Errors")}
    if key != "default":
        error = Error(CODE_OF[int(key)], refusal["description"], int(key), Source("billing", "usage"))
        content["example"] = to_builtins(Errors("550e8400-e29b-41d4-a716-446655440000", [error]))
    return {
        "description": refusal["description"],
        "headers": header_refs(*refusal.get("headers", ())),
        "content": {"application/json": content},
    }
