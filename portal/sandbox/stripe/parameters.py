"""Reads Stripe's bracketed form parameters and refuses those a call does not have."""

import re
from collections.abc import Iterable
from typing import Any

from portal.sandbox.stripe.errors import RefusedError, invalid

PART = re.compile(r"\[([^\[\]]*)\]")
WEB_ADDRESS = re.compile(r"https?://([\w.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?([/?#]|$)", re.ASCII)
PAGE = frozenset({"limit", "starting_after", "ending_before"})
CREATED = frozenset({"created", "created[gt]", "created[gte]", "created[lt]", "created[lte]"})

Pairs = list[tuple[str, str]]


def nested(pairs: Pairs) -> dict[str, Any]:
    """Turn a[b]=1, c[0]=2 and d[]=3 into {a: {b: 1}, c: [2], d: [3]}."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        *path, last = _parts(key)
        node = root
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise invalid(f"Invalid object: {key}", key)
        node[last or str(len(node))] = value
    return {name: _with_lists(value) for name, value in root.items()}


def refuse_unknown(pairs: Pairs, allowed: Iterable[str]) -> None:
    """Allowed names are flat: `usage`, `automatic_payment_methods[enabled]`, `expand[]`, `metadata[*]`."""
    names = {*allowed, "expand[]"}
    heads = {name.split("[")[0] for name in names}
    for key, _ in pairs:
        head, *rest = _parts(key)
        if head == "payment_method_types":
            raise _no_longer_supported()
        if _flat(head, rest) in names or (len(rest) == 1 and f"{head}[*]" in names):
            continue
        if not rest and any(name.startswith(f"{head}[") for name in names):
            continue
        unknown = key if head in heads else head
        message = f"Received unknown parameter: {unknown}"
        raise RefusedError(message, code="parameter_unknown", param=unknown)


def is_true(value: object) -> bool:
    return str(value).lower() in {"true", "1"}


def whole_number(value: object, param: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", str(value)):
        raise RefusedError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=param)
    return int(str(value))


def decimal_number(value: object, param: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", str(value), re.ASCII):
        raise invalid(f"Invalid decimal: {value}", param)
    return float(str(value))


def web_address(value: str, param: str) -> str:
    """Refuse what a browser must not be sent to, such as javascript: addresses."""
    if not WEB_ADDRESS.match(value):
        raise RefusedError("Not a valid URL", code="url_invalid", param=param)
    return value


def section(parameters: dict[str, Any], name: str) -> dict[str, Any]:
    value = parameters.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"Invalid object: {name}", name)
    return value


def _parts(key: str) -> list[str]:
    return [key.split("[", 1)[0], *PART.findall(key)]


def _flat(head: str, rest: list[str]) -> str:
    return head + "".join("[]" if part == "" or part.isdigit() else f"[{part}]" for part in rest)


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(name.isdigit() for name in node):
        return [_with_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _with_lists(value) for name, value in node.items()}


def _no_longer_supported() -> RefusedError:
    return RefusedError(
        "The `payment_method_types` parameter is no longer supported. Manage payment methods in the "
        "Dashboard, or use `allowed_payment_method_types` or `excluded_payment_method_types`.",
        code="payment_method_types_no_longer_supported",
        param="payment_method_types",
    )
