"""Stripe's lists, a page at a time, and its expanded fields."""

from collections.abc import Iterable, Iterator
from itertools import takewhile

from portal.sandbox.stripe.calls import Call
from portal.sandbox.stripe.errors import RefusedError, invalid
from portal.sandbox.stripe.parameters import section, whole_number
from portal.sandbox.stripe.store import Object

PAGE_SIZE = 10
PAGE_SIZE_MAX = 100

# Where a field's name is not the kind of object its id stands for.
KIND_OF_FIELD = {"default_payment_method": "payment_method", "latest_attempt": "setup_attempt"}
EXPANDABLE = {"customer", "payment_method", "setup_intent", "mandate", *KIND_OF_FIELD}


def page(call: Call, things: Iterable[Object]) -> Object:
    """Cut `things`, newest first, to the page that limit, starting_after and ending_before ask for."""
    size = whole_number(call.parameters.get("limit", PAGE_SIZE), "limit")
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise invalid(f"Invalid limit: must be between 1 and {PAGE_SIZE_MAX}.", "limit")
    shown: list[Object] = []
    has_more = False
    if "ending_before" in call.parameters:
        newer = list(takewhile(lambda thing: thing["id"] != call.parameters["ending_before"], things))
        shown, has_more = newer[-size:], len(newer) > size
    else:
        for thing in _after(call.parameters.get("starting_after"), things):
            if len(shown) == size:
                has_more = True
                break
            shown.append(thing)
    return {"object": "list", "data": shown, "has_more": has_more, "url": call.path}


def within_created(call: Call, things: Iterable[Object]) -> Iterator[Object]:
    """Keep what was created in the wanted time; `things` are newest first, so it ends early."""
    created = call.parameters.get("created")
    if created is None:
        return iter(things)
    if not isinstance(created, dict):
        moment = whole_number(created, "created")
        return (thing for thing in things if thing["created"] == moment)
    bounds = section(call.parameters, "created")
    limits = {name: whole_number(value, f"created[{name}]") for name, value in bounds.items()}
    since = max(limits.get("gte", 0), limits.get("gt", -1) + 1)
    until = min(limits.get("lte", call.now), limits.get("lt", call.now + 1) - 1)
    recent = takewhile(lambda thing: thing["created"] >= since, things)
    return (thing for thing in recent if thing["created"] <= until)


def expanded(call: Call, answer: Object) -> Object:
    """Put objects in the place of the ids that `expand` names."""
    paths = call.parameters.get("expand") or []
    if not isinstance(paths, list):
        raise invalid("Invalid array", "expand")
    for path in paths:
        _expand(call, answer, str(path), str(path).split("."))
    return answer


def _after(object_id: str | None, things: Iterable[Object]) -> Iterator[Object]:
    rest = iter(things)
    if object_id:
        for each in rest:
            if each["id"] == object_id:
                break
    return rest


def _expand(call: Call, node: Object, path: str, parts: list[str]) -> None:
    name, *rest = parts
    if name not in node or not (rest or name in EXPANDABLE):
        raise RefusedError(f"This property cannot be expanded ({path}).", param="expand[0]")
    if isinstance(node[name], list) and rest:
        for each in node[name]:
            _expand(call, each, path, rest)
        return
    if name in EXPANDABLE and isinstance(node[name], str):
        node[name] = call.find(KIND_OF_FIELD.get(name, name), node[name])
    if rest and isinstance(node[name], dict):
        _expand(call, node[name], path, rest)
