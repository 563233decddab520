"""Faults to rehearse: a share of the calls is refused, fails, is done and never answered, or answered late.

Drawn from a seed, so that a rehearsal can be repeated. A share is in percent of the calls.
"""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, g, request

from portal.sandbox.easybill.wire import Refusal

LOST = "lost"
LATE = "late"


@dataclass(frozen=True)
class Plan:
    """The rates of faults: `too_many` 429, `broken` 500 before the work is done, `lost` 500 after it."""

    seed: int = 0
    too_many: int = 0
    broken: int = 0
    lost: int = 0
    late: int = 0
    late_seconds: float = 0
    locked_once: bool = False  # the first PUT of each document is a 409
    retry_after_seconds: int = 60

    def __post_init__(self) -> None:
        if self.too_many + self.broken + self.lost + self.late > 100:
            message = "the shares of faults are more than 100 percent"
            raise ValueError(message)


class Faults:
    """Decides for each call, with one draw, in the order of calls."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)  # noqa: S311 - a rehearsal, not a secret
        self._locked: set[str] = set()
        self._lock = threading.Lock()
        self.spoiled = 0  # calls so far that went wrong in some way

    def before(self) -> None:
        """Refuse this call, or note what is to go wrong after it."""
        kind = self._draw()
        if kind == "too_many":
            seconds = self._plan.retry_after_seconds
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests", retry_after_seconds=seconds)
        if kind == "broken":
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        if self._is_locked():
            self.spoiled += 1
            raise Refusal(HTTPStatus.CONFLICT, "The resource is locked.")
        g.easybill_fault = kind

    def after(self, response: Response) -> Response:
        """Lose the answer to what has been done, or hold it back."""
        kind = g.pop("easybill_fault", None)
        if kind == LOST:
            response.status_code = HTTPStatus.INTERNAL_SERVER_ERROR
            response.set_data("")
        if kind == LATE:
            time.sleep(self._plan.late_seconds)
        return response

    def _draw(self) -> str | None:
        shares: Mapping[str, int] = {
            "too_many": self._plan.too_many,
            "broken": self._plan.broken,
            LOST: self._plan.lost,
            LATE: self._plan.late,
        }
        with self._lock:
            number = self._chance.randrange(100)
        for kind, share in shares.items():
            if number < share:
                self.spoiled += 1
                return kind
            number -= share
        return None

    def _is_locked(self) -> bool:
        if not self._plan.locked_once or request.method not in {"PUT", "DELETE"}:
            return False
        with self._lock:
            is_first = request.path not in self._locked
            self._locked.add(request.path)
        return is_first
