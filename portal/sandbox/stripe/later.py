"""Events at a bank, days later there and minutes later here: a set-up that waits, a mandate that ends."""

import time
from collections.abc import Callable, Mapping

from portal.sandbox.stripe.calls import Call, Caller, Route
from portal.sandbox.stripe.confirmation import answer_of_clearing
from portal.sandbox.stripe.methods import end_mandate
from portal.sandbox.stripe.store import LaterDeed, Object, Store
from portal.sandbox.stripe.worker import Worker


class Later(Worker):
    """Does the deeds that confirming left behind."""

    def __init__(self, store: Store, after_commit: Callable[[], None]) -> None:
        super().__init__("stripe-sandbox-later")
        self._store = store
        self._after_commit = after_commit

    def next_due_at(self) -> float | None:
        deed = self._store.next_deed()
        return None if deed is None else deed.due_at

    def do_next(self) -> None:
        with self._store.transaction():
            deed = self._store.next_deed()
            if deed is not None and deed.due_at <= time.time():
                _do(_call_of_nobody(self._store), deed)
        self._after_commit()

    def routes(self) -> tuple[Route, ...]:
        """Not Stripe's: this call lets the waiting be over at once."""
        return (Route("POST", "/v1/sandbox/later", self._do_all),)

    def _do_all(self, call: Call) -> Object:
        done: list[Object] = []
        while (deed := self._store.next_deed()) is not None:
            _do(_call_of_nobody(self._store), deed)
            done.append({"deed": deed.deed, "id": deed.object_id})
        return {"object": "list", "data": done, "has_more": False, "url": call.path}


def _do(call: Call, deed: LaterDeed) -> None:
    call.store.end_deed(deed.id)
    DEEDS[deed.deed](call, deed.object_id)


def _approve(call: Call, intent_id: str) -> None:
    answer_of_clearing(call, call.find("setup_intent", intent_id), is_approved=True)


def _refuse(call: Call, intent_id: str) -> None:
    answer_of_clearing(call, call.find("setup_intent", intent_id), is_approved=False)


def _end(call: Call, mandate_id: str) -> None:
    end_mandate(call, call.find("mandate", mandate_id))


DEEDS: Mapping[str, Callable[[Call, str], None]] = {"settle": _approve, "refuse": _refuse, "end": _end}


def _call_of_nobody(store: Store) -> Call:
    """An action of Stripe's own has neither a request nor an idempotency key."""
    nobody = Caller(is_public=False, address="", user_agent="")
    return Call(store=store, parameters={}, caller=nobody, origin="", request_id=None, path="")
