"""How a request is refused: one envelope, with the codes that `web/errors` answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec import to_builtins

from portal.openapi.headers import header_refs
from portal.web.errors import CODE_OF, Error, Errors, Source
from portal.web.json import JSON

_ENVELOPE = {"$ref": "#/components/schemas/Errors"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status that is answered with the envelope, by a name and in a sentence."""

    name: str
    meaning: str
    headers: tuple[str, ...] = ()


REFUSALS: Mapping[int, Refusal] = {
    400: Refusal("BadRequest", "The body is not valid JSON, or the address is not ours."),
    401: Refusal("Unauthorized", "There is no token, or it is not valid.", ("WWW-Authenticate",)),
    402: Refusal("PaymentFailed", "The payment method was declined."),
    403: Refusal("Forbidden", "The token's owner may not do this, or the token can only read."),
    404: Refusal("NotFound", "It does not exist, or it is another organization's."),
    406: Refusal("NotAcceptable", "It does not exist in that format."),
    409: Refusal("Conflict", "That cannot be done in its current state."),
    413: Refusal("PayloadTooLarge", "The body is too large."),
    415: Refusal("UnsupportedMediaType", "The body is of another content type than accepted here."),
    422: Refusal("ValidationFailed", "`meta.validation_errors` says what cannot be used, and why."),
    429: Refusal("RateLimited", "Too many tries; `Retry-After` says how long to wait.", ("Retry-After",)),
    500: Refusal("InternalError", "Something went wrong on our side; it was logged."),
    502: Refusal("ProviderRefused", "The provider behind it refused the request."),
    503: Refusal(
        "ProviderUnavailable", "The provider or our database does not answer right now.", ("Retry-After",)
    ),
}
READING = (401, 403, 404, 422, 429, 500, 503)
WRITING = (400, *READING, 409, 413, 415)


def refusals(statuses: Iterable[int]) -> JSON:
    """Return the refusals of an operation; `default` stands for any other."""
    named = {
        str(each): {"$ref": f"#/components/responses/{REFUSALS[each].name}"} for each in sorted(statuses)
    }
    return named | {"default": {"$ref": "#/components/responses/Refused"}}


def _response(status: int, refusal: Refusal) -> JSON:
    error = Error(CODE_OF[status], refusal.meaning, status, Source("billing", "usage"))
    example = Errors("550e8400-e29b-41d4-a716-446655440000", [error])
    return {
        "description": refusal.meaning,
        "headers": header_refs(*refusal.headers),
        "content": {"application/json": {"schema": _ENVELOPE, "example": to_builtins(example)}},
    }


RESPONSES: Mapping[str, JSON] = {
    **{refusal.name: _response(status, refusal) for status, refusal in REFUSALS.items()},
    "Refused": {
        "description": "Any other refusal, such as `method_not_allowed` with status 405.",
        "headers": header_refs("Allow"),
        "content": {"application/json": {"schema": _ENVELOPE}},
    },
}
