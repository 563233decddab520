"""`flask --app wsgi serve`: the portal as it runs in production, until a signal stops it."""

import logging
import os
import socket
import tempfile
from collections.abc import Callable
from functools import partial

import click
from flask import Flask, current_app

from portal.cli.lazy import MAKE_APP
from portal.domain.numbers import port_of
from portal.instruments import forget_process
from portal.serving.listening import listening_at
from portal.serving.supervisor import Supervisor, signals_held

log = logging.getLogger(__name__)
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own in it


class Address(click.ParamType[tuple[str, int]]):
    """A host and a port, such as 127.0.0.1:8000 or [::1]:8000."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        host, _, text = str(value).rpartition(":")
        try:
            port = port_of(text)
        except ValueError:
            port = None
        if not host or port is None:
            self.fail(f"{value!r} is not an address such as 127.0.0.1:8000", param, ctx)
        return host.strip("[]"), port


@click.command()
@click.option(
    "--listen",
    type=Address(),
    default="127.0.0.1:8000",
    envvar="SERVE_LISTEN",
    show_default=True,
    help="The address that the proxy asks.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=lambda: max(2, len(os.sched_getaffinity(0))),
    envvar="SERVE_WORKERS",
    show_default="one a processor, at least 2",
    help="Processes that answer.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=8,
    envvar="SERVE_THREADS",
    show_default=True,
    help="Requests that each of them answers at once.",
)
@click.option(
    "--drain-seconds",
    type=click.IntRange(1, 600),
    default=20,
    envvar="SERVE_DRAIN_SECONDS",
    show_default=True,
    help="How long requests may go on when it is stopped.",
)
def serve(listen: tuple[str, int], workers: int, threads: int, drain_seconds: int) -> None:
    """Serve the portal in several processes until a signal comes; then answer what has begun, and end."""
    with signals_held(), tempfile.TemporaryDirectory(prefix="portal-metrics-", dir=_memory()) as folder:
        os.environ[_METRICS_FOLDER] = folder  # before the portal is imported
        app = _app()
        with _listening(listen) as listening:
            work = partial(_answering(app), app, listening, threads=threads, drain_seconds=drain_seconds)
            address = "{}:{}".format(*listening.getsockname()[:2])
            log.info("serving", extra={"address": address, "workers": workers, "threads": threads})
            Supervisor(work, workers, listening, drain_seconds=drain_seconds, when_ended=forget_process).run()
            log.info("stopped", extra={"address": address})


def _memory() -> str | None:
    """Return the folder that is memory: who writes to a map of a full disk is killed."""
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


def _app() -> Flask:
    """Make the portal here, once for all workers."""
    make_app = current_app.extensions.get(MAKE_APP)
    app = make_app() if make_app else current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    assert isinstance(app, Flask)
    return app


def _listening(address: tuple[str, int]) -> socket.socket:
    try:
        return listening_at(*address)
    except OSError as error:
        raise click.ClickException(
            f"Nothing can listen at {address[0]}:{address[1]}: {error.strerror}."
        ) from error


def _answering(app: Flask) -> Callable[..., None]:
    """Import what the workers do, and compress what they all send, once for all of them."""
    from portal.serving import worker  # noqa: PLC0415 -- the folder of the metrics is named first
    from portal.web.compression import pack_files  # noqa: PLC0415

    pack_files(app)
    return worker.serve
