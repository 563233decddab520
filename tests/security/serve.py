"""`python -m tests.security.serve FACTS`: the portal as it is served, in one or several processes.

Each listens on a port of its own and says it in a line. FACTS is JSON: the database, the providers, how many
processes and threads. Whoever asks may have each password that reaches the hash counted in a file.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from portal.access import passwords
from portal.app import create_app, real_providers
from portal.config import ROOT
from portal.serving.front import Front
from portal.serving.listening import listening_at
from portal.web import log
from tests.factories import NOW
from tests.settings import Sandboxes, make_settings
from tests.tied import end_with_parent

_PROVIDER_MILLISECONDS = 500


def main() -> None:
    end_with_parent()
    facts = json.loads(sys.argv[1])
    log.configure("ERROR")
    for _ in range(facts["processes"] - 1):
        if os.fork() == 0:
            end_with_parent()
            break
    _serve(facts)


def _serve(facts: dict[str, Any]) -> None:
    sandboxes = Sandboxes(facts["stripe_url"], facts["easybill_url"])
    settings = make_settings(facts["database_url"], sandboxes, Path(facts["var"]))
    settings = replace(settings, provider_deadline_milliseconds=_PROVIDER_MILLISECONDS)
    app = create_app(settings, providers=real_providers(settings), clock=lambda: NOW)
    if facts["hashes"]:
        _count_hashes(facts["hashes"])
    front = Front(app, listening_at("127.0.0.1", 0), threads=facts["threads"])
    sys.stdout.write(f"{front.effective_port}\n")
    sys.stdout.flush()
    front.run()


def _count_hashes(path: str) -> None:
    """Let each comparison leave a byte: appending one is whole, however many processes do it."""
    compare = passwords.is_right

    def counted(password: str, stored: str | None) -> bool:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, b".")
        os.close(file)
        return compare(password, stored)

    passwords.is_right = counted


@contextmanager
def served(
    database_url: str,
    sandboxes: Sandboxes,
    var: Path,
    *,
    processes: int = 1,
    threads: int = 4,
    hashes: str = "",
) -> Iterator[list[str]]:
    """Yield the addresses of as many processes as are wanted; end them afterwards."""
    facts = {
        "database_url": database_url,
        "stripe_url": sandboxes.stripe_url,
        "easybill_url": sandboxes.easybill_url,
        "var": str(var),
        "processes": processes,
        "threads": threads,
        "hashes": hashes,
    }
    command = [sys.executable, "-m", "tests.security.serve", json.dumps(facts)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as server:
        try:
            assert server.stdout is not None
            ports = [int(server.stdout.readline()) for _ in range(processes)]
            yield [f"http://127.0.0.1:{port}" for port in ports]
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # a group of its own: the processes that were started here


if __name__ == "__main__":
    main()
