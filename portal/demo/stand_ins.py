"""The sandboxes as a process beside the demo."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from portal.config import Settings
from portal.stopping import Stopping

_READY_SECONDS = 20
_END_SECONDS = 3
_SECRET_NAME = "PORTAL_DEMO_WEBHOOK_SECRET"  # noqa: S105 -- the variable in which the sandbox finds it


@contextmanager
def running(settings: Settings, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the stand-ins on the two ports after `port`; they end when we do, however we end."""
    arguments = ["--stripe-port", str(port + 1), "--easybill-port", str(port + 2)]
    arguments += ["--state", str(settings.var / "sandbox"), "--exit-with-stdin"]
    arguments += ["--webhook-url", f"{settings.portal_url}/webhooks/stripe"]
    arguments += ["--webhook-secret-env", _SECRET_NAME]
    process = subprocess.Popen(  # noqa: S603 -- our own module, our own arguments
        [sys.executable, "-m", "portal.sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {_SECRET_NAME: settings.stripe.webhook_secret},
        process_group=0,  # Ctrl-C at a terminal is for us: they end when nobody asks them any more
        text=True,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[str], url: str, stopping: Stopping) -> None:
    """Wait until a sandbox answers, whatever it answers; end where its process has ended."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 -- loopback, from our own settings
        except urllib.error.HTTPError:
            return
        except OSError:
            stopping.wait(0.1)
            stopping.raise_if_set()
        else:
            return
    sys.exit(f"The sandboxes did not start within {_READY_SECONDS} seconds.")
