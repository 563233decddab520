"""A provider that takes every call and never answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager


@contextmanager
def silent_provider() -> Iterator[str]:
    """Yield the address of a server on loopback that accepts and stays silent."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        taken: list[socket.socket] = []
        threading.Thread(target=_take, args=(server, taken), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()


def _take(server: socket.socket, taken: list[socket.socket]) -> None:
    try:
        while True:
            taken.append(server.accept()[0])
    except OSError:
        return  # it is over
