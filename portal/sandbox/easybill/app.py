"""The sandbox's application: keys, call limits, and the headers of every answer."""

import base64
import binascii
import hmac
import threading
import time
from collections import deque
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, current_app, request

from portal.sandbox.easybill import customers, delivery, documents, payments, webhooks
from portal.sandbox.easybill.faults import Faults, Plan
from portal.sandbox.easybill.store import Store
from portal.sandbox.easybill.wire import Refusal, answer, not_offered, request_body

BASE_PATH = "/rest/v1"
RETRY_AFTER_SECONDS = 60
REQUEST_TARGET_BYTES_MAX = 4094

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Budget:
    """Calls allowed in any sixty seconds, kept in memory as the real one forgets them too."""

    def __init__(self, calls_per_minute: int) -> None:
        self._calls_per_minute = calls_per_minute
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def spend(self) -> None:
        instant = time.monotonic()
        with self._lock:
            while self._calls and self._calls[0] <= instant - 60:
                self._calls.popleft()
            if len(self._calls) >= self._calls_per_minute:
                raise Refusal(
                    HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests", retry_after_seconds=RETRY_AFTER_SECONDS
                )
            self._calls.append(instant)


def create_app(
    state: Path | None = None,
    api_key: str = "easybill-sandbox",
    calls_per_minute: int | None = None,
    faults: Plan | None = None,
) -> Flask:
    """The API under /rest/v1; `state` is a SQLite file that is made when absent, or memory.

    The plan of `faults` can be changed while it runs: PUT another, or {} for none, to /faults.
    """
    app = Flask(__name__, static_folder=None)
    app.extensions["easybill.store"] = Store(state)
    app.extensions["easybill.faults"] = Faults(faults) if faults else None
    _guard(app, api_key, None if calls_per_minute is None else Budget(calls_per_minute))
    for part in (customers, documents, payments, delivery, webhooks):
        app.register_blueprint(part.blueprint, url_prefix=BASE_PATH)
    app.add_url_rule(f"{BASE_PATH}/<path:rest>", "other", _other, methods=_METHODS)
    app.add_url_rule("/faults", "faults", _faults, methods=["GET", "PUT"])
    app.register_error_handler(Refusal, _refused)
    app.after_request(_label)
    return app


def _guard(app: Flask, api_key: str, budget: Budget | None) -> None:
    """Checks before any operation, and faults of its answer."""

    @app.before_request
    def admit() -> None:
        if len(request.full_path) > REQUEST_TARGET_BYTES_MAX:
            raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "Request-URI Too Long")
        if not hmac.compare_digest(_offered_key().encode(), api_key.encode()):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Wrong or missing Authorization header.")
        if budget:
            budget.spend()
        faults = app.extensions["easybill.faults"]
        if faults and request.endpoint != "faults":
            faults.before()

    @app.after_request
    def spoil(response: Response) -> Response:
        faults = app.extensions["easybill.faults"]
        return faults.after(response) if faults else response


def _offered_key() -> str:
    """The key of `Bearer <key>` or `Basic base64(<email>:<key>)`; empty when there is none."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _faults() -> Response:
    """Say how many calls went wrong, and rehearse other faults from now on; no path of EasyBill's."""
    faults = current_app.extensions["easybill.faults"]
    spoiled = faults.spoiled if faults else 0
    if request.method == "GET":
        return answer({"spoiled": spoiled})
    try:
        plan = Plan(**request_body())
    except (TypeError, ValueError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error
    current_app.extensions["easybill.faults"] = None if plan == Plan() else Faults(plan)
    return answer({"spoiled": spoiled})


def _other(rest: str) -> Response:
    raise not_offered(f"{request.method} /{rest}")


def _refused(refusal: Refusal) -> Response:
    response = answer(refusal.body, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _label(response: Response) -> Response:
    response.headers["X-Sandbox"] = "easybill"
    return response
