"""The socket at which clients arrive, whichever worker takes them."""

import socket

_WAITING_MAX = 1024


def listening_at(host: str, port: int) -> socket.socket:
    """Return a socket that clients may connect to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(_WAITING_MAX)
    listening.setblocking(False)
    return listening
