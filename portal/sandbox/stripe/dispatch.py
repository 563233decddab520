"""The checks of every API call: keys, version, parameters and idempotency."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from portal.sandbox.stripe import idempotency
from portal.sandbox.stripe.calls import Call, Caller, Route
from portal.sandbox.stripe.errors import RefusedError, invalid, unauthorized
from portal.sandbox.stripe.faults import Fault, Faults, server_error
from portal.sandbox.stripe.objects import API_VERSION, new_id
from portal.sandbox.stripe.pages import expanded
from portal.sandbox.stripe.parameters import Pairs, nested, refuse_unknown
from portal.sandbox.stripe.store import Object, Store

API = "/v1/"
# Calls of these paths meet no fault: they switch faults off.
SWITCHES = "/v1/sandbox/"
# Sent by our own frame, because a browser writes every 4xx answer to its console.
ALWAYS_200 = "Sandbox-Quiet"
# Names the rehearsed fault that an answer has met.
FAULT = "Sandbox-Fault"

View = Callable[..., Response]


@dataclass(frozen=True)
class Api:
    """The parts that every call of the API needs."""

    store: Store
    faults: Faults
    keys_in_use: idempotency.KeysInUse
    after_commit: Callable[[], None]


def register(app: Flask, api: Api, routes: Iterable[Route]) -> None:
    app.before_request(_open)
    app.register_error_handler(RefusedError, _refuse)
    app.register_error_handler(HTTPException, _refuse_other)
    app.after_request(_sign)
    for route in routes:
        view: View = partial(_answer, api, route)
        name = f"{route.method} {route.path}"
        app.add_url_rule(route.path, name, view, methods=[route.method], provide_automatic_options=False)


def _open() -> None:
    """Refuse a wrong key or version before anything else."""
    g.request_id = new_id("req", 14)
    if not request.path.startswith(API):
        return
    g.pairs = _pairs()
    g.caller = Caller(
        is_public=_is_public(_key()),
        address=request.remote_addr or "127.0.0.1",
        user_agent=request.user_agent.string,
    )
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise invalid(
            f"Invalid Stripe API version: {version}. This sandbox speaks {API_VERSION}.", "Stripe-Version"
        )


def _pairs() -> Pairs:
    source = request.form if request.method == "POST" else request.args
    return list(source.items(multi=True))


def _key() -> str:
    """Stripe.js sends its publishable key among the parameters."""
    in_parameters = [value for name, value in g.pairs if name == "key"]
    g.pairs = [(name, value) for name, value in g.pairs if name != "key"]
    authorization = request.authorization
    if authorization is None:
        return in_parameters[0] if in_parameters else ""
    return authorization.token or authorization.username or ""


def _is_public(key: str) -> bool:
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if key.startswith(("sk_live_", "rk_live_", "pk_live_")):
        raise unauthorized("This is a sandbox on your own machine: it refuses live keys. Use a test key.")
    if not key.startswith(("sk_test_", "pk_test_")):
        raise unauthorized(f"Invalid API Key provided: {key[:8]}***")
    return key.startswith("pk_test_")


def _answer(api: Api, route: Route, **ids: str) -> Response:
    caller: Caller = g.caller
    if caller.is_public and not route.is_public:
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise unauthorized(message, "secret_key_required")
    call = Call(
        store=api.store,
        parameters=nested(g.pairs),
        caller=caller,
        origin=request.host_url.rstrip("/"),
        request_id=g.request_id,
        path=request.path,
        idempotency_key=idempotency.key_of(caller),
    )
    if call.path.startswith(SWITCHES):
        return _done(api, call, route, ids, None)
    fault = api.faults.take(call, request.method)
    with api.keys_in_use.claimed(call.idempotency_key):
        response = api.faults.before(fault) or _done(api, call, route, ids, fault)
    if fault is None:
        return response
    response.headers[FAULT] = fault.kind
    return api.faults.after(fault, response)


def _done(api: Api, call: Call, route: Route, ids: dict[str, str], fault: Fault | None) -> Response:
    with call.store.transaction():
        response = idempotency.replayed(call) or _performed(call, route, ids, fault)
    api.after_commit()
    return response


def _performed(call: Call, route: Route, ids: dict[str, str], fault: Fault | None) -> Response:
    refuse_unknown(g.pairs, route.allowed)
    try:
        answer, status = expanded(call, route.answer(call, **ids)), 200
    except RefusedError as refusal:
        if not refusal.is_outcome:
            raise
        answer, status = refusal.envelope(g.request_id), refusal.status
    if fault and fault.kind == "failed_after":
        failure = server_error()
        answer, status = failure.envelope(g.request_id), failure.status
    body = json.dumps(answer, indent=2)
    idempotency.keep(call, status, body)
    return Response(body, status, content_type="application/json")


def _refuse(refusal: RefusedError) -> Response:
    return _json(refusal.envelope(g.request_id), refusal.status)


def _refuse_other(error: HTTPException) -> Response | HTTPException:
    if not request.path.startswith(API):
        return error
    if error.code not in {404, 405}:
        status = error.code or 500
        refusal = RefusedError(str(error.description), error_type="api_error")
        return _json(refusal.envelope(g.request_id), status)
    message = (
        f"Unrecognized request URL ({request.method}: {request.path}). Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/."
    )
    return _json(RefusedError(message).envelope(g.request_id), 404)


def _json(answer: Object, status: int) -> Response:
    return Response(json.dumps(answer, indent=2), status, content_type="application/json")


def _sign(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not request.path.startswith(API):
        return response
    response.headers["Request-Id"] = g.request_id
    response.headers["Stripe-Version"] = API_VERSION
    response.headers["Cache-Control"] = "no-cache, no-store"
    if key := request.headers.get("Idempotency-Key"):
        response.headers["Idempotency-Key"] = key
    if ALWAYS_200 in request.headers:
        response.status_code = 200
    return response
