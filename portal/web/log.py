"""Structured logs: one JSON object a line with request id, trace, organization, account and UTC time.

Never a query string or a body; texts like a key, a token, a card or an IBAN are blacked out.
"""

import datetime as dt
import json
import logging
import sys
import time
from collections.abc import Mapping

from flask import Flask, Response, g, has_request_context, request

from portal.domain.secrets import scrubbed
from portal.web.tracing import other_id_of, request_id_of, trace_id_of

_OURS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
access = logging.getLogger("portal.access")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON, so that nothing in it can begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": dt.datetime.fromtimestamp(record.created, tz=dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line |= _who_asks()
        line |= {name: value for name, value in vars(record).items() if name not in _OURS}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_clean(line))  # in ASCII: no line break of Unicode's is one here


def _clean(value: object) -> object:
    """Black out secrets before anything is escaped: after a line break they would look like other words."""
    if isinstance(value, Mapping):
        return {str(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value if value is None or isinstance(value, bool | int) else scrubbed(str(value))


def _who_asks() -> dict[str, object]:
    """Return who asks, as texts that were noted: a line about a lost database must not ask it."""
    return {
        "request_id": g.get("request_id"),
        "organization": g.get("organization_uid"),
        "account": g.get("account_uid"),
        "trace_id": g.get("trace_id"),
    }


def configure(level: str) -> None:
    """Send everything to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("waitress").setLevel(logging.ERROR)


def init_app(app: Flask) -> None:
    @app.before_request
    def name_request() -> None:
        g.request_id = request_id_of(request.headers.get("X-Request-Id"))
        g.trace_id = trace_id_of(request.headers.get("traceparent"))
        g.started = time.perf_counter_ns()

    @app.after_request
    def log_request(response: Response) -> Response:
        milliseconds = (time.perf_counter_ns() - g.started) // 1_000_000
        facts = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": milliseconds,
            "request_id_of_client": other_id_of(request.headers.get("X-Request-Id")),
        }
        access.info("request", extra=facts)
        return response
