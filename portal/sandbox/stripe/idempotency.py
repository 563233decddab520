"""Idempotency keys: the first answer is kept and given again; a key of another request is refused."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from portal.sandbox.stripe.calls import Call, Caller
from portal.sandbox.stripe.errors import RefusedError
from portal.sandbox.stripe.store import KeptAnswer

KEY_LENGTH_MAX = 255


class KeysInUse:
    """The keys of the requests that are being worked on; there is one account, so one set of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def claimed(self, key: str | None) -> Iterator[None]:
        """Hold a key while its request is worked on; another call with it is refused meanwhile."""
        if key is None:
            yield
            return
        with self._lock:
            if key in self._keys:
                raise _in_use(key)
            self._keys.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.remove(key)


def key_of(caller: Caller) -> str | None:
    """A browser's parameters may hold a card number, of which not even a digest is kept."""
    if request.method != "POST" or caller.is_public:
        return None
    key = request.headers.get("Idempotency-Key")
    if key and len(key) > KEY_LENGTH_MAX:
        raise RefusedError(
            f"Idempotency-Key is too long: at most {KEY_LENGTH_MAX} characters.",
            error_type="idempotency_error",
        )
    return key or None


def keep(call: Call, status: int, body: str) -> None:
    if call.idempotency_key:
        answer = KeptAnswer(call.path, _digest(call), call.request_id or "", status, body)
        call.store.keep_answer(call.idempotency_key, answer)


def replayed(call: Call) -> Response | None:
    """Return the answer that was kept for the key, to the same request alone."""
    kept = call.store.kept_answer(call.idempotency_key) if call.idempotency_key else None
    if kept is None:
        return None
    if kept.path != call.path:
        raise _used_before(call, f"for the same endpoint they were first used for ('{kept.path}')")
    if kept.request_digest != _digest(call):
        raise _used_before(call, "with the same parameters they were first used with")
    response = Response(kept.body, kept.status, content_type="application/json")
    response.headers["Idempotent-Replayed"] = "true"
    response.headers["Original-Request"] = kept.request_id
    return response


def _digest(call: Call) -> str:
    return hashlib.sha256(json.dumps(call.parameters, sort_keys=True).encode()).hexdigest()


def _used_before(call: Call, condition: str) -> RefusedError:
    return RefusedError(
        f"Keys for idempotent requests can only be used {condition}. Try using a key other than "
        f"'{call.idempotency_key}' if you meant to execute a different request.",
        error_type="idempotency_error",
    )


def _in_use(key: str) -> RefusedError:
    return RefusedError(
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )
