"""An EasyBill that is broken in one of eight ways, for as long as a test wants."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
_ABORT = struct.pack("ii", 1, 0)  # linger for zero seconds: closing sends a reset
_DRIP_SECONDS = 0.02


@dataclass
class Fault:
    """Where it listens; `is_asked` once somebody has called, `is_over` when the test is."""

    url: str
    is_asked: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)


def _reset(connection: socket.socket, fault: Fault) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


def _slow(connection: socket.socket, fault: Fault) -> None:
    fault.is_over.wait()
    connection.sendall(OK)


def _drip(connection: socket.socket, fault: Fault) -> None:
    connection.sendall(OK)
    while not fault.is_over.wait(_DRIP_SECONDS):
        connection.sendall(b" ")


def _black_hole(connection: socket.socket, fault: Fault) -> None:
    fault.is_over.wait()


def _says(answer: bytes) -> Callable[[socket.socket, Fault], None]:
    def say(connection: socket.socket, fault: Fault) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return say


_ANSWERS = {
    "reset": _reset,
    "slow": _slow,
    "drip": _drip,
    "429": _says(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 2\r\n\r\n{}"),
    "500": _says(b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nOops!"),
    "garbage": _says(bytes(range(256))),
    "black hole": _black_hole,
}
MODES = ("refused", *_ANSWERS)


@contextmanager
def broken(mode: str) -> Iterator[Fault]:
    """Serve on loopback as the mode says; `refused` is a port at which nobody listens."""
    server = socket.create_server(("127.0.0.1", 0))
    fault = Fault(f"http://127.0.0.1:{server.getsockname()[1]}/rest/v1")
    if mode == "refused":
        server.close()
        fault.is_asked.set()
        yield fault
        return
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # closed: the test is over
                return
            thread = threading.Thread(target=answer, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    def answer(connection: socket.socket) -> None:
        fault.is_asked.set()
        with connection:
            try:
                _ANSWERS[mode](connection, fault)
            except OSError:  # who asked has given up
                return

    acceptor = threading.Thread(target=serve, daemon=True)
    acceptor.start()
    try:
        yield fault
    finally:
        fault.is_over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        acceptor.join()
        for thread in threads:
            thread.join()
