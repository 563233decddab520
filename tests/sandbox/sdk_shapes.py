"""Holds a JSON object against stripe-python's own annotations, at exactly the version it is pinned to."""

import typing
from collections.abc import Iterator
from typing import Any

import stripe
from stripe._stripe_object import StripeObject, UntypedStripeObject

CLASSES = {
    "customer": stripe.Customer,
    "event": stripe.Event,
    "mandate": stripe.Mandate,
    "payment_method": stripe.PaymentMethod,
    "setup_attempt": stripe.SetupAttempt,
    "setup_intent": stripe.SetupIntent,
    "webhook_endpoint": stripe.WebhookEndpoint,
}
CLASSES_BY_NAME = {each.__name__: each for each in CLASSES.values()}


def deviations(thing: dict[str, Any]) -> list[str]:
    """Name every field that is unknown, missing, null or of another type than the SDK says."""
    if thing.get("deleted"):
        return []
    if thing["object"] == "list":
        return [found for each in thing["data"] for found in deviations(each)]
    inner = thing["data"]["object"] if thing["object"] == "event" else {"deleted": True}
    return [*_of_object(thing, CLASSES[thing["object"]], thing["object"]), *deviations(inner)]


def fields_of(kind: str) -> frozenset[str]:
    return frozenset(_fields(CLASSES[kind]))


def _of_object(thing: dict[str, Any], wanted: type[StripeObject], path: str) -> Iterator[str]:
    fields = _fields(wanted)
    for name in thing.keys() - fields.keys():
        yield f"{path}.{name}: not a field of {wanted.__qualname__}"
    for name, annotation in fields.items():
        if name in thing:
            yield from _of_value(thing[name], annotation, f"{path}.{name}")
        elif type(None) not in typing.get_args(annotation):
            yield f"{path}.{name}: missing"


def _of_value(value: Any, annotation: Any, path: str) -> Iterator[str]:
    origin, choices = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        yield from min((list(_of_value(value, choice, path)) for choice in choices), key=len)
    elif origin is typing.Literal:
        if value not in choices:
            yield f"{path}: {value!r} is none of {choices}"
    elif origin is list and isinstance(value, list):
        for place, each in enumerate(value):
            yield from _of_value(each, choices[0], f"{path}[{place}]")
    else:
        yield from _of_plain(value, _class_of(origin or annotation), path)


def _of_plain(value: Any, wanted: type, path: str) -> Iterator[str]:
    if issubclass(wanted, StripeObject) and isinstance(value, dict):
        if wanted is not UntypedStripeObject:
            yield from _of_object(value, wanted, path)
    elif type(value) is not wanted:
        yield f"{path}: {value!r} is no {wanted.__name__}"


def _class_of(annotation: Any) -> type:
    """A class the sandbox has no object of may live elsewhere in the SDK; nothing of ours is one."""
    if isinstance(annotation, typing.ForwardRef):
        return CLASSES_BY_NAME.get(annotation.__forward_arg__, _Elsewhere)
    return annotation


class _Elsewhere:
    pass


def _fields(wanted: type[StripeObject]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for each in reversed(wanted.__mro__):
        if issubclass(each, StripeObject) and each is not StripeObject:
            fields |= vars(each).get("__annotations__", {})
    return {name: hint for name, hint in fields.items() if "ClassVar" not in str(hint)}
