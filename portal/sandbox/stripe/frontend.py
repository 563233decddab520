"""The browser's part: the stand-in Stripe.js, its frames, the bank stand-in and the mandate's page."""

import hmac
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, Response, abort, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox.stripe import front_page as front
from portal.sandbox.stripe.calls import Call, Caller
from portal.sandbox.stripe.confirmation import answer_of_bank
from portal.sandbox.stripe.faults import Faults
from portal.sandbox.stripe.store import Object, Store
from portal.sandbox.stripe.webhooks import Courier

FRAMES = ("element.html", "controller.html")
# Any page may embed the frames, as with Stripe; they speak to the origin they were opened for alone.
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors http: https:"
)
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)


def register_pages(app: Flask, store: Store, after_commit: Callable[[], None]) -> None:
    pages = _pages(app, store, after_commit)
    app.register_blueprint(pages)
    app.after_request(_allow_nothing_else)


def register_front_page(app: Flask, store: Store, faults: Faults, courier: Courier) -> None:
    @app.get("/")
    def front_page() -> Response:
        with store.transaction():
            events = front.latest_events(store)
        switched = {"faults": faults.shown(), "webhooks": courier.shown()}
        return _page(render_template("index.html", numbers=front.numbers(), events=events, **switched), "")


def _pages(app: Flask, store: Store, after_commit: Callable[[], None]) -> Blueprint:
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/stripe.js", view_func=lambda: _asset(app, "stripe.js"), endpoint="stripe_js")
    pages.add_url_rule("/favicon.ico", view_func=lambda: _asset(app, "sandbox.svg"), endpoint="icon")
    for name in FRAMES:
        pages.add_url_rule(f"/{name}", name.split(".")[0], lambda name=name: _asset(app, name))

    @pages.get("/bank/<intent_id>")
    def bank(intent_id: str) -> Response:
        with store.transaction():
            intent = _waiting_intent(store, intent_id, request.args.get("client_secret", ""))
        return _page(render_template("bank.html", intent=intent), _origin_of_return(intent))

    @pages.post("/bank/<intent_id>")
    def decide(intent_id: str) -> AnyResponse:
        with store.transaction():
            intent = _waiting_intent(store, intent_id, request.form.get("client_secret", ""))
            return_url = intent["next_action"]["redirect_to_url"]["return_url"]
            answer_of_bank(_call(store), intent, is_approved=request.form.get("decision") == "approve")
        after_commit()
        return redirect(_with_outcome(return_url, intent), 303)

    @pages.get("/mandates/<mandate_id>")
    def mandate(mandate_id: str) -> Response:
        with store.transaction():
            found = store.find("mandate", mandate_id) or abort(404)
            method = store.find("payment_method", found["payment_method"]) or abort(404)
        return _page(render_template("mandate.html", mandate=found, method=method), "")

    return pages


def _allow_nothing_else(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response


def _asset(app: Flask, name: str) -> Response:
    response = app.send_static_file(name)
    response.headers["Cache-Control"] = "no-cache"
    if name in FRAMES:
        response.headers["Content-Security-Policy"] = FRAME_POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _page(html: str, form_target: str) -> Response:
    """Chromium holds the redirect after a form against form-action too, so the way back is in it."""
    response = make_response(html)
    response.headers["Content-Security-Policy"] = f"{PAGE_POLICY} {form_target}".strip()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _waiting_intent(store: Store, intent_id: str, client_secret: str) -> Object:
    intent = store.find("setup_intent", intent_id) or abort(404)
    if not hmac.compare_digest(client_secret.encode(), intent["client_secret"].encode()):
        abort(404)
    if intent["status"] != "requires_action":
        abort(410, "This decision has already been made. Please go back to the page you came from.")
    return intent


def _call(store: Store) -> Call:
    return Call(
        store=store,
        parameters={},
        caller=Caller(
            is_public=True, address=request.remote_addr or "", user_agent=request.user_agent.string
        ),
        origin=request.host_url.rstrip("/"),
        request_id=g.request_id,
        path=request.path,
    )


def _origin_of_return(intent: Object) -> str:
    address = urlsplit(intent["next_action"]["redirect_to_url"]["return_url"])
    return f"{address.scheme}://{address.netloc}"


def _with_outcome(return_url: str, intent: Object) -> str:
    query = urlencode(
        {
            "setup_intent": intent["id"],
            "setup_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
    )
    address = urlsplit(return_url)
    return address._replace(query=f"{address.query}&{query}" if address.query else query).geturl()
