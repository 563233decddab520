"""Counts every request by its route, never by its path: what a stranger types makes no new number."""

import time

from flask import Flask, Response, g, request

from portal.instruments import count_request
from portal.web.transaction import SAFE_METHODS

_NO_ROUTE = "(none)"


def init_app(app: Flask) -> None:
    @app.before_request
    def note_start() -> None:
        g.measured_from = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        count_request(
            route=request.url_rule.rule if request.url_rule else _NO_ROUTE,
            method="read" if request.method in SAFE_METHODS else "write",
            status=response.status_code,
            seconds=time.perf_counter() - g.measured_from,
        )
        return response
