"""Refusals in Stripe's error envelope, with its types, codes and status numbers."""

from typing import Any

DOCUMENTATION = "https://docs.stripe.com/error-codes/"


class RefusedError(Exception):
    """Stripe's answer instead of the object; an outcome has changed something and is kept."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        error_type: str = "invalid_request_error",
        is_outcome: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_outcome = is_outcome
        self.fields = {"message": message, "type": error_type}
        self.fields |= {name: fact for name, fact in facts.items() if fact is not None}
        if "code" in self.fields:
            self.fields["doc_url"] = documentation_of(self.fields["code"])

    def envelope(self, request_id: str) -> dict[str, Any]:
        log_url = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {**self.fields, "request_log_url": log_url}}


def documentation_of(code: str) -> str:
    return DOCUMENTATION + code.replace("_", "-")


def no_such(kind: str, object_id: str, param: str = "id") -> RefusedError:
    message = f"No such {kind}: '{object_id}'"
    return RefusedError(message, status=404, code="resource_missing", param=param)


def missing(param: str) -> RefusedError:
    return RefusedError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(message: str, param: str) -> RefusedError:
    return RefusedError(message, code="parameter_invalid", param=param)


def card_error(message: str, *, code: str, **facts: Any) -> RefusedError:
    return RefusedError(message, status=402, error_type="card_error", is_outcome=True, code=code, **facts)


def unauthorized(message: str, code: str | None = None) -> RefusedError:
    return RefusedError(message, status=401, code=code)
