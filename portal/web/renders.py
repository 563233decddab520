"""One view, three faces: JSON when asked, a fragment for htmx, else the page."""

from collections.abc import Callable, Collection
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec
from urllib.parse import urljoin

from flask import Response, make_response, render_template
from htmx_flask import request
from jinja2_fragments.flask import render_block
from werkzeug.wrappers import Response as BaseResponse

from portal.domain.errors import NotAcceptableError
from portal.services import settings
from portal.web.json import json_response
from portal.web.lists import next_link

Url = ParamSpec("Url")
VARY = ("Accept", "Authorization", "Cookie", "HX-Request", "HX-Target", "Accept-Language")


class NoJsonFaceError(NotAcceptableError):
    """The page has no JSON face."""


def wants_json() -> bool:
    """Only a client that ranks JSON above HTML gets it; `*/*` gets the page, but for a bearer client."""
    accepts = request.accept_mimetypes
    if _is_bearer() and not any(kind.startswith("text/") for kind, _ in accepts):
        return True
    # HTML is offered first, or `*/*` would get JSON.
    return accepts.best_match(["text/html", "application/json"]) == "application/json"


def _is_bearer() -> bool:
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def htmx_target() -> str:
    """Return the id that htmx will fill, or '' when a whole page is wanted."""
    htmx = request.htmx
    if not htmx or htmx.boosted or htmx.history_restore_request:
        return ""
    return (htmx.target or "").rpartition("#")[2]


def renders(
    template: str, *, json: Callable[[Any], object] | None = None, fragments: Collection[str] = ()
) -> Callable[[Callable[Url, object]], Callable[Url, BaseResponse]]:
    """Let a view return its page; this decides what the client sees of it.

    A fragment is a block of `template` named after the element id it fills. Only listed fragments may
    be asked for alone, so a client cannot pick its own block.
    """

    def decorate(view: Callable[Url, object]) -> Callable[Url, BaseResponse]:
        @wraps(view)
        def answer(*args: Url.args, **kwargs: Url.kwargs) -> BaseResponse:
            if json is None and wants_json():
                raise NoJsonFaceError
            page = view(*args, **kwargs)
            if isinstance(page, BaseResponse):  # a redirect or a file: already whole
                return page
            response = _face(template, page, json, fragments)
            response.status_code = getattr(page, "http_status", HTTPStatus.OK)
            link = next_link(page)
            if link:
                # Whole, because few API clients resolve a relative one.
                response.headers["Link"] = f'<{urljoin(settings().portal_url, link)}>; rel="next"'
            return response

        vars(answer)["faces"] = (template, json, frozenset(fragments))
        return answer

    return decorate


def _face(
    template: str, page: object, json: Callable[[Any], object] | None, fragments: Collection[str]
) -> Response:
    if json is not None and wants_json():
        return json_response(json(page))
    block = htmx_target()
    if block in fragments:
        return make_response(render_block(template, block, page=page))
    return make_response(render_template(template, page=page))
