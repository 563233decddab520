"""`flask --app wsgi serve` as a process, and clients that say byte by byte what they send."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from portal.config import ROOT

SECONDS_MAX = 20
HOST = b"Host: 127.0.0.1\r\n"
LOGIN = b"GET /login HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass
class Client:
    """A connection."""

    connection: socket.socket

    def send(self, *parts: bytes) -> "Client":
        for part in parts:
            self.connection.sendall(part)
        return self

    def answer(self) -> bytes:
        """Return one answer with a length."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += self._more()
        return head + b"\r\n\r\n" + body

    def rest(self) -> bytes:
        """Return what comes until the server closes; nothing when it was cut."""
        received = b""
        while more := self.connection.recv(65536):
            received += more
        return received

    def _more(self) -> bytes:
        more = self.connection.recv(65536)
        assert more, "closed before the end of the answer"
        return more


@dataclass
class Serving:
    """The command, running."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    clients: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        self.clients.append(Client(socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX)))
        return self.clients[-1]

    def workers(self) -> list[int]:
        return children_of(self.process.pid)

    def lines(self, message: str) -> list[dict]:
        records = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [record for record in records if record["message"] == message]


def children_of(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def eventually(is_so: Callable[[], object], seconds: float = SECONDS_MAX) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, "not in time"
        time.sleep(0.02)


def begin(var: Path, *options: str, **environment: str) -> tuple[subprocess.Popen[str], Path]:
    """Start the command; its temporary files and its log are in `var`."""
    log = var / f"{time.monotonic_ns()}.log"
    folder = log.with_suffix(".tmp")
    folder.mkdir()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "serve", "--listen", "127.0.0.1:0", *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    settings = {"PORTAL_VAR": str(var), "TMPDIR": str(folder), "LOG_LEVEL": "INFO"}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=inherited | settings | environment, stderr=output, start_new_session=True
        )
    return process, log


@contextmanager
def serving(var: Path, *options: str, **environment: str) -> Iterator[Serving]:
    """Yield the command once it serves, with two workers; nothing of it outlives the block."""
    process, log = begin(var, "--workers", "2", *options, **environment)
    running = Serving(process, 0, log)
    try:
        eventually(lambda: '"serving"' in log.read_text() or process.poll() is not None)
        [line] = running.lines("serving")
        running.port = int(line["address"].rpartition(":")[2])
        yield running
    finally:
        for client in running.clients:
            client.connection.close()
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own: the processes that were started here
        process.wait()
