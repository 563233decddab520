"""Who watches asks a process at its own address: under any name, and the clock at a port of its own."""

import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from flask import Flask

from portal.config.types import ListenAddress

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WATCHED = frozenset({"/healthz", "/readyz", "/metrics"})
_CLIENT_SECONDS_MAX = 10


def admit_any_name(app: Flask, portal_url: str) -> None:
    """Let what watches ask by a process's address: none of these answers repeats the name it was asked by."""
    inner, name = app.wsgi_app, urlsplit(portal_url).netloc

    def under_our_name(environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if environment.get("PATH_INFO") in _WATCHED:
            environment["HTTP_HOST"] = name
        return inner(environment, start)

    app.wsgi_app = under_our_name  # type: ignore[assignment,method-assign]


def serve_metrics(app: Flask, address: ListenAddress) -> WSGIServer:
    """Answer `/metrics` in a thread that ends with the process, one client after another; raises OSError."""
    server = make_server(
        address.host,
        address.port,
        _only_metrics(app),
        server_class=_server_of(address),
        handler_class=_Handler,
    )
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _only_metrics(app: Flask) -> "WSGIApplication":
    def answer(environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if environment.get("PATH_INFO") == "/metrics":
            return app.wsgi_app(environment, start)
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Only /metrics is here.\n"]

    return answer


class _Server(WSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or says nothing for too long, is no error of ours."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server_of(address: ListenAddress) -> type[_Server]:
    return _Server6 if ":" in address.host else _Server


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_SECONDS_MAX

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the library
        """The portal logs its requests itself."""
