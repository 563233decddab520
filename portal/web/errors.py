"""The one place that turns an error into an answer, in the face the client wants."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, url_for
from flask_wtf.csrf import CSRFError
from htmx_flask import request
from jinja2_fragments.flask import render_block
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, SecurityError

from portal.domain import errors
from portal.extensions import login
from portal.storage import abandon_transaction
from portal.web.json import json_response
from portal.web.renders import wants_json
from portal.web.shapes import Answer, doc

log = logging.getLogger(__name__)

# by the class of the error; the first class of its line of ancestors counts
_STATUS_OF: Mapping[type[errors.BillingError], HTTPStatus] = {
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    errors.RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.PaymentFailedError: HTTPStatus.PAYMENT_REQUIRED,
    errors.ValidationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ProviderUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ProviderRefusedError: HTTPStatus.BAD_GATEWAY,
}
# by status: the code for programs, the title for people
_WORDS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "That request makes no sense to us"),
    401: ("unauthorized", "Please sign in"),
    402: ("payment_failed", "Payment failed"),
    403: ("forbidden", "You may not see this"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "That does not work here"),
    406: ("not_acceptable", "Not Acceptable"),
    409: ("conflict", "That is not possible right now"),
    413: ("payload_too_large", "Too large"),
    415: ("unsupported_media_type", "Unsupported Media Type"),
    422: ("validation_failed", "Some of that cannot be used"),
    429: ("rate_limited", "Too many requests"),
    500: ("internal_error", "Something went wrong on our side"),
    502: ("provider_unavailable", "The provider refused"),
    503: ("provider_unavailable", "Not available right now"),
}
CODE_OF: Mapping[int, str] = {status: code for status, (code, _) in _WORDS.items()}
_OF_PROGRAMS = {"application/json", "application/x-ndjson"}  # no form of a browser's sends these
_ONLY_READS = "25006"  # PostgreSQL as a standby, or when its disk is kept from filling up
_NOT_FOUND = "There is nothing here, or it is not yours to see."


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a page shows it."""

    status: HTTPStatus
    message: str
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def code(self) -> str:
        is_ours = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return CODE_OF.get(self.status, "internal_error" if is_ours else "bad_request")

    @property
    def title(self) -> str:
        return _WORDS[self.status][1] if self.status in _WORDS else self.status.phrase

    @property
    def request_id(self) -> str:
        return cast("str", g.request_id)


class Source(Answer, frozen=True):
    """Where it was found."""

    service: Literal["billing"]
    operation: str


class Details(Answer, frozen=True):
    """More about the reason."""

    validation_errors: Annotated[Mapping[str, Sequence[str]], doc("The reasons by field.")]


class Error(Answer, frozen=True):
    """One reason."""

    code: Annotated[str, doc(enum=sorted(set(CODE_OF.values())))]
    message: Annotated[str, doc("A sentence for a person.")]
    status: Annotated[int, doc(enum=sorted(CODE_OF))]
    source: Source
    field: Annotated[str, doc("The first field that cannot be used.")] | UnsetType = UNSET
    meta: Details | UnsetType = UNSET


class Errors(Answer, frozen=True):
    """Why a request is refused."""

    request_id: Annotated[str, doc("The same as `X-Request-Id`: name it when you ask us.", format="uuid")]
    errors: Annotated[Sequence[Error], Meta(min_length=1)]


def init_app(app: Flask) -> None:
    app.register_error_handler(errors.BillingError, _billing_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)
    app.register_error_handler(DBAPIError, _driver_error)
    app.register_error_handler(Exception, _our_error)


def _billing_error(error: errors.BillingError) -> Response:
    if isinstance(error, errors.UnauthorizedError):
        return sign_in_first(str(error))
    if isinstance(error, errors.ConfirmationNeededError) and not _is_program():
        return _led_to("signing_in.confirm")
    status = next(_STATUS_OF[kind] for kind in type(error).__mro__ if kind in _STATUS_OF)
    fields = error.fields if isinstance(error, errors.ValidationError) else {}
    response = _answer(Problem(status, str(error), fields))
    if isinstance(error, errors.RateLimitedError):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def _csrf_error(error: CSRFError) -> Response:
    log.warning("csrf refused", extra={"reason": error.description})
    message = "This page was open for too long, or came from elsewhere. Reload it and try again."
    return _answer(Problem(HTTPStatus.BAD_REQUEST, message))


def _http_error(error: HTTPException) -> Response:
    if error.code is not None and error.code < HTTPStatus.BAD_REQUEST:
        return cast("Response", error.get_response())  # a redirect of the router's
    original = getattr(error, "original_exception", None)
    if original is not None:  # it was raised after the view, or by the answer to another error
        return make_response(current_app.handle_user_exception(original))
    if isinstance(error, SecurityError):  # a foreign Host: no address of ours can be put into a page
        return envelope(Problem(HTTPStatus.BAD_REQUEST, "This is not our address."))
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    message = _NOT_FOUND if status == HTTPStatus.NOT_FOUND else error.description or status.phrase
    response = _answer(Problem(status, message))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _driver_error(error: DBAPIError) -> Response:
    is_away = error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _ONLY_READS
    return _database_error(error) if is_away else _our_error(error)


def _database_error(error: Exception) -> Response:
    log.error("database unavailable", exc_info=error)
    _forget_database()
    message = "Our database is not available right now. Please try again in a minute."
    response = _answer(Problem(HTTPStatus.SERVICE_UNAVAILABLE, message))
    response.headers["Retry-After"] = "10"
    return response


def _our_error(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    _forget_database()
    message = "This was logged. If it happens again, tell us the request id."
    return _answer(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, message))


def sign_in_first(message: str) -> Response:
    """Answer a caller without identity: JSON 401, htmx is sent away, a browser is led to the form."""
    if _is_program():
        response = envelope(Problem(HTTPStatus.UNAUTHORIZED, message))
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return _led_to("signing_in.sign_in")


def _is_program() -> bool:
    return wants_json() or "Authorization" in request.headers or request.mimetype in _OF_PROGRAMS


def _led_to(endpoint: str) -> Response:
    """Lead a browser to a form of ours, and from there back to what it shows now."""
    if request.htmx:
        response = make_response("", HTTPStatus.UNAUTHORIZED)
        response.headers["HX-Redirect"] = url_for(endpoint, next=_shown(request.htmx.current_url))
        return response
    if request.method == "GET":
        back = request.full_path.rstrip("?")
    else:
        back = _shown(request.referrer) if endpoint != "signing_in.sign_in" else "/"
    return cast("Response", redirect(url_for(endpoint, next=back), HTTPStatus.SEE_OTHER))


def _shown(url: str | None) -> str:
    """Return the path of the page that a browser shows, or says that it shows."""
    try:
        shown = urlsplit(url or "/")
    except ValueError:  # such as //[
        return "/"
    return (shown.path or "/") + (f"?{shown.query}" if shown.query else "")


def _forget_database() -> None:
    """Let nothing that is shown from here on ask the database: not even who the caller is."""
    abandon_transaction()
    login._update_request_context_with_user()  # noqa: SLF001
    g.membership, g.memberships = None, ()


def _answer(problem: Problem) -> Response:
    """The three faces of an error; where the database does not say who asks, a page as for nobody."""
    if wants_json():
        return envelope(problem)
    try:
        return _page(problem)
    except SQLAlchemyError:
        log.exception("database unavailable to the page of an error")
        _forget_database()
        return _page(problem)


def _page(problem: Problem) -> Response:
    """The page of an error; htmx puts it in the notices, not in its target."""
    template = "errors/error.html"
    if request.htmx and not request.htmx.boosted:
        response = make_response(render_block(template, "notice", page=problem))
        response.headers["HX-Retarget"] = "#notices"
        response.headers["HX-Reswap"] = "innerHTML show:top"
    else:
        response = make_response(render_template(template, page=problem))
    response.status_code = problem.status
    return response


def envelope(problem: Problem) -> Response:
    """Return an error as programs read it."""
    operation = (request.endpoint or "unknown").rpartition(".")[0] or "unknown"
    error = Error(
        problem.code,
        problem.message,
        problem.status,
        Source("billing", operation),
        field=next(iter(problem.fields), UNSET),
        meta=Details(problem.fields) if problem.fields else UNSET,
    )
    return json_response(Errors(problem.request_id, [error]), problem.status)
