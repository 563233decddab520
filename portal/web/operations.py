"""A view's description of itself for programs, beside its route.

`/openapi.json` derives the rest: path and method from the route, the permission from the policy, the answer
from the view's types, and the parameters and refusals that these bring along.
"""

from collections.abc import Callable, Collection
from dataclasses import KW_ONLY, dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

from flask import Response
from msgspec import Struct
from werkzeug.wrappers import Response as BaseResponse

from portal.web.json import json_response

Url = ParamSpec("Url")


@dataclass(frozen=True, slots=True)
class Operation:
    """Describes the view that it decorates; a returned type of JSON is answered as JSON.

    `name` is the `operationId`, which clients name their methods after: it never changes; its words, and what
    no type says of it, are in `openapi/common.toml`. `method` is the one that is meant, where the route has
    several. `query` has the parameters; `body` is the type that is accepted (one without fields may be left
    out). `refuses` are statuses that not every operation of the method answers. `passes_key_on`: a view whose
    answer is not kept still means something by `Idempotency-Key`.
    """

    name: str
    _: KW_ONLY
    method: str = ""
    status: int = HTTPStatus.OK
    query: type[Struct] | None = None
    body: object = None
    refuses: Collection[int] = ()
    passes_key_on: bool = False

    def __call__(self, view: Callable[Url, object]) -> Callable[Url, BaseResponse]:
        @wraps(view)
        def answer(*args: Url.args, **kwargs: Url.kwargs) -> BaseResponse:
            result: Any = view(*args, **kwargs)
            if result is None:
                return Response(status=HTTPStatus.NO_CONTENT)
            return json_response(result, self.status) if isinstance(result, Struct) else result

        vars(answer)["operations"] = (self, *operations_of(view))
        return answer


def operations_of(view: Callable[..., object]) -> tuple[Operation, ...]:
    """Return what a view says of itself; a route of two methods may say something of each."""
    operations: tuple[Operation, ...] = getattr(view, "operations", ())
    return operations
