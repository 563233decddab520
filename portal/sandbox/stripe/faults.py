"""Rehearsed faults of a provider under load and of a broken network, switched on by hand."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from flask import Response
from waitress.channel import ClientDisconnected

from portal.sandbox.stripe.calls import Call, Route
from portal.sandbox.stripe.errors import RefusedError, invalid, missing
from portal.sandbox.stripe.parameters import decimal_number, whole_number
from portal.sandbox.stripe.store import Object

# The effect of each kind, and its seconds where none are given.
KINDS = {
    "rate_limited": ("429, nothing was done", 0.0),
    "failed": ("500, nothing was done", 0.0),
    "failed_after": ("500 although it was done; the idempotency key keeps the 500", 0.0),
    "reset": ("the connection ends without an answer, nothing was done", 0.0),
    "garbled": ("200 with a page of HTML, nothing was done", 0.0),
    "slow": ("the right answer, so many seconds late", 5.0),
    "lost": ("it was done, then so many seconds of silence and no answer", 30.0),
    "cut": ("it was done, the connection ends in the middle of the answer", 0.0),
    "drip": ("it was done, the answer comes byte by byte with so many seconds between them", 0.2),
}
CALLERS = ("*", "server", "browser")
TIMES_MAX = 1000
SECONDS_MAX = 600.0
GARBLED = "<!doctype html><title>Be right back</title><p>Stand-in for a maintenance page.</p>"


@dataclass
class Fault:
    """A fault switch: the calls it meets, how many more of them, and its effect."""

    kind: str
    method: str
    path: str
    caller: str
    times: int
    seconds: float

    def meets(self, call: Call, method: str) -> bool:
        caller = "browser" if call.caller.is_public else "server"
        return (
            self.method in {"*", method}
            and self.caller in {"*", caller}
            and fnmatchcase(call.path, self.path)
        )


class Faults:
    """The switches that are on, in the order in which they were thrown; a restart forgets them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._lifted = threading.Event()

    def take(self, call: Call, method: str) -> Fault | None:
        """Return the first fault that meets this call; it is used up when it has met enough of them."""
        with self._lock:
            fault = next((each for each in self._faults if each.meets(call, method)), None)
            if fault is None:
                return None
            fault.times -= 1
            if fault.times == 0:
                self._faults.remove(fault)
            return fault

    def before(self, fault: Fault | None) -> Response | None:
        """The answer instead of the work; None lets it begin, late perhaps."""
        match fault and fault.kind:
            case "rate_limited":
                raise _rate_limited()
            case "failed":
                raise server_error()
            case "reset":
                return Response(self._ended(b"", 0.0), content_type="application/json")
            case "garbled":
                return Response(GARBLED, content_type="text/html")
            case "slow":
                assert fault is not None
                self._wait(fault.seconds)
        return None

    def after(self, fault: Fault | None, response: Response) -> Response:
        """What becomes of the answer on its way; the work is done and stays done."""
        match fault and fault.kind:
            case "lost":
                assert fault is not None
                response.response = self._ended(b"", fault.seconds)
            case "cut":
                body = response.get_data()
                response.response = self._ended(body[: len(body) // 2], 0.0)
                response.content_length = len(body)
            case "drip":
                assert fault is not None
                response.response = self._dripping(response.get_data(), fault.seconds)
        return response

    def lift(self) -> None:
        """Switch all faults off; a waiting call goes on."""
        with self._lock:
            self._faults.clear()
            self._lifted.set()
            self._lifted = threading.Event()

    def routes(self) -> tuple[Route, ...]:
        """Not Stripe's: these calls throw the switches."""
        path = "/v1/sandbox/faults"
        return (
            Route("GET", path, self._show),
            Route(
                "POST", path, self._throw, frozenset({"kind", "method", "path", "caller", "times", "seconds"})
            ),
            Route("DELETE", path, self._lift_all),
        )

    def shown(self) -> list[Object]:
        with self._lock:
            return [vars(each) | {"does": KINDS[each.kind][0]} for each in self._faults]

    def _show(self, call: Call) -> Object:
        return {"object": "list", "data": self.shown(), "has_more": False, "url": call.path}

    def _throw(self, call: Call) -> Object:
        fault = _fault_of(call.parameters)
        with self._lock:
            self._faults.append(fault)
        return self._show(call)

    def _lift_all(self, call: Call) -> Object:
        self.lift()
        return self._show(call)

    def _wait(self, seconds: float) -> None:
        self._lifted.wait(seconds)

    def _ended(self, begun: bytes, seconds: float) -> Iterator[bytes]:
        """The server hangs up on this error without a word, as if the connection had broken."""
        if begun:
            yield begun
        self._wait(seconds)
        raise ClientDisconnected

    def _dripping(self, body: bytes, seconds: float) -> Iterator[bytes]:
        lifted = self._lifted
        for place in range(len(body)):
            yield body[place : place + 1]
            lifted.wait(seconds)


def server_error() -> RefusedError:
    return RefusedError(
        "An error occurred on our side. This sandbox was told to fail here.",
        status=500,
        error_type="api_error",
    )


def _rate_limited() -> RefusedError:
    return RefusedError(
        "Request rate limit exceeded. This sandbox was told to refuse here.", status=429, code="rate_limit"
    )


def _fault_of(given: dict[str, Any]) -> Fault:
    kind = given.get("kind")
    if not kind:
        raise missing("kind")
    if kind not in KINDS:
        raise invalid(f"Invalid kind: must be one of {', '.join(KINDS)}", "kind")
    caller = given.get("caller", "*")
    if caller not in CALLERS:
        raise invalid(f"Invalid caller: must be one of {', '.join(CALLERS)}", "caller")
    times = whole_number(given.get("times", 1), "times")
    if not 1 <= times <= TIMES_MAX:
        raise invalid(f"Invalid times: must be between 1 and {TIMES_MAX}", "times")
    seconds = decimal_number(given.get("seconds", KINDS[kind][1]), "seconds")
    if not 0 <= seconds <= SECONDS_MAX:
        raise invalid(f"Invalid seconds: must be between 0 and {SECONDS_MAX:.0f}", "seconds")
    method = str(given.get("method", "*")).upper()
    return Fault(kind, method, str(given.get("path", "/v1/*")), caller, times, seconds)
