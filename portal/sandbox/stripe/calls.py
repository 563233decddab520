"""A call to the sandbox: its parameters, its caller, and the events it leaves behind."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from portal.sandbox.stripe.errors import no_such
from portal.sandbox.stripe.objects import new_event
from portal.sandbox.stripe.store import Object, Store

# Stripe's names of the kinds of objects in errors.
SPOKEN_KINDS = {"payment_method": "PaymentMethod", "setup_intent": "setupintent"}


@dataclass(frozen=True)
class Caller:
    """The caller; a browser holds a publishable key."""

    is_public: bool
    address: str
    user_agent: str


@dataclass(frozen=True)
class Call:
    """A checked request; `now` is in seconds since 1970, `origin` is where the sandbox is reached."""

    store: Store
    parameters: Object
    caller: Caller
    origin: str
    request_id: str | None
    path: str
    idempotency_key: str | None = None
    now: int = field(default_factory=lambda: int(time.time()))

    def find(self, kind: str, object_id: str, param: str = "id") -> Object:
        thing = self.store.find(kind, object_id)
        if thing is None or thing.get("deleted"):
            raise no_such(SPOKEN_KINDS.get(kind, kind), object_id, param)
        return thing

    def emit(self, event_type: str, thing: Object, previous: Object | None = None) -> None:
        """Record the event and put it on its way to every endpoint that wants it."""
        endpoints = _endpoints_for(self, event_type)
        event = new_event(
            created=self.now,
            event_type=event_type,
            content={"object": thing}
            if previous is None
            else {"object": thing, "previous_attributes": previous},
            request={"id": self.request_id, "idempotency_key": self.idempotency_key},
            waiting=len(endpoints),
        )
        self.store.save(event)
        send(self, event)

    def let_happen(self, deed: str, thing: Object) -> None:
        """Leave something to be done when a slow bank has answered."""
        self.store.add_deed(deed, thing["id"], time.time() + self.store.late_seconds)


@dataclass(frozen=True)
class Route:
    """An operation of the API: its flat parameter names, and whether a publishable key may call it."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Callable[..., Object]
    allowed: frozenset[str] = frozenset()
    is_public: bool = False


def previous_attributes(before: Object, after: Object) -> Object:
    """The old values of what has changed, as an event tells them."""
    previous: Object = {}
    for name, old in before.items():
        new = after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            previous[name] = previous_attributes(old, new)
        else:
            previous[name] = old
    return previous


def send(call: Call, event: Object) -> None:
    for endpoint in _endpoints_for(call, event["type"]):
        call.store.add_delivery(event["id"], endpoint["id"], call.now)


def _endpoints_for(call: Call, event_type: str) -> list[Object]:
    return [each for each in call.store.newest("webhook_endpoint") if _wants(each, event_type)]


def _wants(endpoint: Object, event_type: str) -> bool:
    return "*" in endpoint["enabled_events"] or event_type in endpoint["enabled_events"]
