"""How much of a client's the front takes: bytes, connections and seconds."""

from collections.abc import Mapping

from flask import Flask
from waitress.adjustments import Adjustments

from portal.access.auth import body_limits
from portal.services import settings

HEADERS_MAX_BYTES = 32 * 1024
CONNECTIONS_MAX = 1000
CONNECTIONS_FREE = 100  # beyond so many, those that are silent for longest are closed
LARGE_BYTES = 512 * 1024  # a larger body lies on disk while it arrives
LARGE_BODIES_MAX = 16  # at once in a process, whoever sends them
IDLE_SECONDS_MAX = 30
REQUEST_SECONDS_MAX = 300  # sixteen megabytes at half a megabit a second


class Limits(Adjustments):
    """What waitress is told; a view that takes larger bodies has limits of its own."""

    of_view: Mapping[tuple[str, str], Adjustments]

    def __init__(self, app: Flask, threads: int) -> None:
        with app.app_context():
            has_proxies = settings().proxy_hops > 0
        super().__init__(**_adjustments(app.config["MAX_CONTENT_LENGTH"], threads, has_proxies=has_proxies))
        self.of_view = {
            view: Adjustments(**_adjustments(max_bytes, threads, has_proxies=has_proxies))
            for view, max_bytes in body_limits(app).items()
        }


def _adjustments(body_max_bytes: int, threads: int, *, has_proxies: bool) -> dict[str, object]:
    return {
        "threads": threads,
        "ident": None,
        "clear_untrusted_proxy_headers": not has_proxies,  # ProxyFix, in the portal, believes so many
        "max_request_header_size": HEADERS_MAX_BYTES,
        "max_request_body_size": body_max_bytes + 1,  # it refuses what is as large as this
        "connection_limit": CONNECTIONS_MAX,
        "channel_timeout": IDLE_SECONDS_MAX,
        "inbuf_overflow": LARGE_BYTES,
        "cleanup_interval": 1,
        "log_socket_errors": False,
    }
