"""A client's connection: its requests as they arrive, and its end, after which no answer is lost."""

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

from portal.serving.limits import IDLE_SECONDS_MAX, LARGE_BODIES_MAX, LARGE_BYTES, REQUEST_SECONDS_MAX, Limits
from portal.web.bodies import REFUSAL

log = logging.getLogger(__name__)
_LINGER_SECONDS = 2
_DISCARDED_BYTES = 65536


class Request(HTTPRequestParser):
    """A request as far as it has arrived; the portal refuses one whose body we leave unread."""

    refusal: HTTPStatus | None = None
    is_large = False  # so that its body may lie on disk

    def __init__(self, limits: Limits, count_of_large: Callable[[], int]) -> None:
        super().__init__(limits)
        self._limits = limits
        self._count_of_large = count_of_large
        self.began_at = time.time()

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address such as http://[, a length of 5,000 digits
            raise ParsingError("Start line or Content-Length is invalid") from error
        if "CONTENT_LENGTH" in self.headers and (self.chunked or "TRANSFER_ENCODING" in self.headers):
            raise ParsingError("Content-Length and Transfer-Encoding together")
        self.adj = self._limits.of_view.get((self.command, self.path), self._limits)
        if self.adj is not self._limits and (self.chunked or self.content_length > LARGE_BYTES):
            if self._count_of_large() >= LARGE_BODIES_MAX:
                self.refusal = HTTPStatus.SERVICE_UNAVAILABLE
            else:
                self.is_large = True

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self.refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if self.refusal is not None:
            self._forget_body()
        return int(consumed)

    def _forget_body(self) -> None:
        self.close()
        self.error = self.body_rcv = None
        self.completed = True
        self.expect_continue = False
        self.headers["CONTENT_LENGTH"] = "0"


class Refusal(ErrorTask):
    """The answer to what is no HTTP, which the portal never sees."""

    def execute(self) -> None:
        error = self.request.error
        log.info(
            "refused", extra={"status": error.code, "reason": error.body, "address": self.channel.addr[0]}
        )
        super().execute()


class Task(WSGITask):
    """A request that the portal answers."""

    request: Request

    def build_response_header(self) -> bytes:
        if self.request.refusal or self.channel.server.is_draining:
            self.set_close_on_finish()
        return bytes(super().build_response_header())

    def get_environment(self) -> dict[str, object]:
        environment = super().get_environment()
        environment[REFUSAL] = self.request.refusal
        return cast("dict[str, object]", environment)


class Channel(HTTPChannel):
    """A connection. It is closed in two steps: a client that still sends reads the answer first."""

    task_class = Task
    error_task_class = Refusal
    _lingers_until: float | None = None

    def parser_class(self, limits: Limits) -> Request:
        """Begin a request; what waitress calls a class need only make one."""
        return Request(limits, self.server.count_of_large_bodies)

    @property
    def count_of_large_bodies(self) -> int:
        return sum(request.is_large for request in (self.request, *self.requests) if request is not None)

    def readable(self) -> bool:
        return self._lingers_until is not None or bool(super().readable())

    def handle_read(self) -> None:
        if self._lingers_until is None:
            super().handle_read()
        else:
            with suppress(OSError):
                self.recv(_DISCARDED_BYTES)

    def handle_write(self) -> None:
        if self.close_when_flushed and not self.will_close:
            self._flush_exception(self._flush_some)
            if not self.total_outbufs_len and not self.will_close:
                self._linger()
        else:
            super().handle_write()

    def _linger(self) -> None:
        """Close our half: to close both while bytes arrive would take the answer from the client."""
        self.close_when_flushed = False
        self._lingers_until = time.time() + _LINGER_SECONDS
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def service(self) -> None:
        """Answer one request, in a thread; the loop then looks at what this connection waits for."""
        try:
            super().service()
        finally:
            if self.connected:
                self._map.changed(self._fileno)
                self.server.pull_trigger()

    def handle_close(self) -> None:
        super().handle_close()
        if self.request is not None:
            self.request.close()  # what lies on disk goes now

    def is_overdue(self, now: float) -> bool:
        """Tell whether the client has had its time: to send, to read, or to hang up."""
        if self._lingers_until is not None:
            return now > self._lingers_until
        if self.request is not None and now > self.request.began_at + REQUEST_SECONDS_MAX:
            return True
        return self.is_idle_since(now - IDLE_SECONDS_MAX)

    def is_idle_since(self, instant: float) -> bool:
        """Tell whether since then the client neither sent nor read a byte, nor waited for an answer."""
        is_waiting = self.requests and not self.total_outbufs_len
        return not is_waiting and self.last_activity < instant

    @property
    def is_between_requests(self) -> bool:
        return self.request is None and not self.requests and not self.total_outbufs_len
