"""A provider that fails in one of eight ways, on a raw socket; it stands before a real one or before none."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

MODES = ("refused", "reset", "slow", "drip", "429", "500", "garbage", "black hole")
_ANSWER = "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
_LIMITED = '{"error": {"type": "rate_limit_error", "message": "Too many requests"}}'
_BROKEN = '{"error": {"type": "api_error", "message": "Something went wrong"}}'
_SLOW_SECONDS = 3  # longer than any page waits
_FOR_EVER_SECONDS = 60


class Faults:
    """Passes everything on to the provider behind it, until `mode` says otherwise."""

    def __init__(self, behind: str) -> None:
        self.mode: str | None = None
        self._behind = (urlsplit(behind).hostname, urlsplit(behind).port)
        self._over = threading.Event()
        self._server: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._port = 0
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fail(self, mode: str) -> None:
        self.mode = mode
        if mode == "refused":
            self._stop_listening()

    def recover(self) -> None:
        """End every fault, and what hangs in it."""
        was_refused, self.mode = self.mode == "refused", None
        self._over.set()
        self._over = threading.Event()
        self._close_all()
        if was_refused:
            self._listen()

    def close(self) -> None:
        self._over.set()
        self._stop_listening()
        self._close_all()

    def _listen(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port), backlog=64)
        self._port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def _stop_listening(self) -> None:
        if self._server is not None:
            with suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None

    def _close_all(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._answer, args=(client, self._over), daemon=True).start()

    def _answer(self, client: socket.socket, over: threading.Event) -> None:
        with suppress(OSError):  # whoever asked has gone, or the fault is over
            request = _read(client)
            if not request:
                return
            self._misbehave(client, request, over)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _misbehave(self, client: socket.socket, request: bytes, over: threading.Event) -> None:
        answers = {"429": ("429 Too Many Requests", _LIMITED), "500": ("500 Oops", _BROKEN)}
        answers["garbage"] = ("200 OK", "<html>no</html>")
        if self.mode in answers:
            status, text = answers[self.mode]
            client.sendall(_ANSWER.format(status, len(text), text).encode())
        elif self.mode == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.mode == "drip":
            _drip(client, over)
        elif self.mode == "black hole":
            over.wait(_FOR_EVER_SECONDS)
        elif self.mode is None or not over.wait(_SLOW_SECONDS):
            self._pass_on(client, request)

    def _pass_on(self, client: socket.socket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [each for each in head.split(b"\r\n") if not each.lower().startswith(b"connection:")]
        with socket.create_connection(self._behind, timeout=10) as behind:
            behind.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            while part := behind.recv(65536):
                client.sendall(part)


def _drip(client: socket.socket, over: threading.Event) -> None:
    for byte in _ANSWER.format("200 OK", 100_000, " " * 100_000).encode():
        if over.wait(0.02):
            return
        client.sendall(bytes([byte]))


def _read(client: socket.socket) -> bytes:
    """Read one request, its body too."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = client.recv(65536)
        if not part:
            return b""
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        (
            int(each.split(b":")[1])
            for each in head.lower().split(b"\r\n")
            if each.startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        part = client.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


@contextmanager
def faults_before(url: str) -> Iterator[Faults]:
    """Yield a server on loopback that stands before a provider."""
    faults = Faults(url)
    try:
        yield faults
    finally:
        faults.close()
