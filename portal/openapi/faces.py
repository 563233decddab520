"""The JSON faces: each method of a route whose view describes itself, and the facts derived from it."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import get_args, get_type_hints

from flask import Flask
from msgspec import Struct
from werkzeug.routing import Rule

from portal.access.auth import COLLECTOR, PUBLIC, Policy, declared_policy
from portal.domain.slices import ListPage
from portal.web.operations import Operation, operations_of

_NOT_OURS = {"HEAD", "OPTIONS"}  # Flask answers these
# The statuses with which every operation may refuse.
_READING = {401, 403, 404, 422, 429, 500, 503}
_WRITING = _READING | {400, 409, 413, 415}


@dataclass(frozen=True, slots=True)
class Face:
    """An operation with its address, its policy and its answer."""

    operation: Operation
    method: str
    rule: Rule
    view: Callable[..., object]
    policy: Policy

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        path: str = self.rule.rule
        return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", path)

    @property
    def room(self) -> str:
        endpoint: str = self.rule.endpoint
        return endpoint.rpartition(".")[0]

    @property
    def answer(self) -> object:
        """The type of the JSON answer, or None: that of the view, or of the schema that shows its page."""
        own = self._returned(Struct)
        if own:
            return own[0]
        _, as_json, _ = getattr(self.view, "faces", ("", None, ()))
        return None if as_json is None else get_type_hints(as_json)["return"]

    @property
    def is_sliced(self) -> bool:
        """Whether it answers a slice of a list."""
        return self.method == "GET" and bool(self._returned(ListPage))

    @property
    def is_answer_kept(self) -> bool:
        """Whether an `Idempotency-Key` repeats the answer."""
        return self.method != "GET" and not self.policy.is_secret

    @property
    def refuses(self) -> set[int]:
        """The statuses of its refusals."""
        usual = _READING if self.method == "GET" else _WRITING
        if self.policy.requirement == PUBLIC:
            usual = {500}
        if self.policy.requirement == COLLECTOR:
            usual = usual - {404}
        return usual | set(self.operation.refuses)

    def _returned(self, base: type) -> list[type]:
        """Return the types below `base` that the view may return, as its annotation says."""
        kind = get_type_hints(inspect.unwrap(self.view))["return"]
        kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
        return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, base)]


def faces_of(app: Flask) -> Iterator[Face]:
    """Yield each operation that a view of the app describes."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for operation in operations_of(view):
            methods = {operation.method} if operation.method else (rule.methods or set()) - _NOT_OURS
            for method in sorted(methods):
                policy = declared_policy(app, rule.endpoint)
                assert policy is not None, "start-up refuses views without a policy"
                yield Face(operation, method, rule, view, policy)
