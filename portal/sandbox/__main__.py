"""`python -m portal.sandbox`: both stand-ins on loopback ports, until a signal or the parent's end."""

import argparse
import importlib.util
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

from flask import Flask
from waitress import create_server

from portal.sandbox import easybill, stripe
from portal.stopping import Stopping, exit_now

LOOPBACK = "127.0.0.1"
THREADS = 16  # a rehearsed silence holds one, and the switch that ends it needs another


def main(arguments: list[str] | None = None) -> NoReturn:
    """Say "ready" when both listen; every answered request is on disk, so there is nothing to wind up."""
    stopping = Stopping()
    stopping.at_signals()
    if importlib.util.find_spec("reportlab") is None:
        sys.exit("The sandboxes need what only they need: pip install 'billing-portal[sandbox]'")
    parser = _parser()
    options = parser.parse_args(arguments)
    if bool(options.webhook_url) != bool(os.environ.get(options.webhook_secret_env or "")):
        parser.error("--webhook-url needs --webhook-secret-env, and that variable a value")
    if options.exit_with_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(stopping,), daemon=True).start()
    _serve(_stripe(options), options.stripe_port)
    _serve(_easybill(options), options.easybill_port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stopping.wait()
    exit_now()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.sandbox", description=__doc__)
    parser.add_argument("--stripe-port", type=int, required=True)
    parser.add_argument("--easybill-port", type=int, required=True)
    parser.add_argument("--state", type=Path, help="a directory; without it nothing outlives the end")
    parser.add_argument(
        "--easybill-calls-per-minute", type=int, help="10 or 60 as the real one's plans; without it no limit"
    )
    parser.add_argument("--webhook-url", help="where Stripe's events go")
    parser.add_argument("--webhook-secret-env", help="the environment variable with their signing secret")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    return parser


def _stripe(options: argparse.Namespace) -> Flask:
    """The secret comes by the environment, because arguments are for every process to read."""
    secret = os.environ[options.webhook_secret_env] if options.webhook_url else None
    return stripe.create_app(_file_in(options.state, "stripe.sqlite3"), options.webhook_url, secret)


def _easybill(options: argparse.Namespace) -> Flask:
    state = _file_in(options.state, "easybill.sqlite3")
    return easybill.create_app(state, calls_per_minute=options.easybill_calls_per_minute)


def _file_in(directory: Path | None, name: str) -> Path | None:
    if directory is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    return directory / name


def _serve(app: Flask, port: int) -> None:
    """The port is open when this returns; the thread ends with the program."""
    server = create_server(app, host=LOOPBACK, port=port, ident="sandbox", threads=THREADS)
    threading.Thread(target=server.run, name=f"sandbox-{port}", daemon=True).start()


def _stop_at_end_of_stdin(stopping: Stopping) -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock an ending interpreter would wait for
        pass
    stopping.set()


if __name__ == "__main__":
    main()
