"""A throw-away PostgreSQL for the tests: its own data directory, a free port, gone when they end."""

import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.tied import afterwards

_USER = "postgres"  # PostgreSQL refuses to run as root
# The first line of its file is the server's process; QUIT ends it at once.
_END = """
file=$0/data/postmaster.pid
process=$(head -n 1 "$file") && kill -QUIT "$process"
while [ -e "$file" ] && kill -0 "$process"; do sleep 0.02; done
rm -rf "$0"
"""


class NoPostgresError(RuntimeError):
    """PostgreSQL's server programs are not installed; `make test` installs them."""


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        raise NoPostgresError("no PostgreSQL server below /usr/lib/postgresql: apt-get install postgresql")
    return found[-1].parent


@dataclass(frozen=True)
class Server:
    """One server on loopback, with an empty database to begin with."""

    home: Path
    port: int
    settings: str

    @property
    def url(self) -> str:
        return self.url_of("portal")

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg://portal@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home}"
        options += f" -c fsync=off -c full_page_writes=off -c jit=off {self.settings}"
        self._control("-l", str(self.home / "log"), "-o", options, "-w", "start")

    def stop_at_once(self) -> None:
        """No checkpoint, no goodbye: what was not in the log is lost, as after a power cut."""
        self._control("-m", "immediate", "-w", "stop")

    def _control(self, *arguments: str) -> None:
        _run("pg_ctl", "--pgdata", str(self.home / "data"), *arguments)


@contextmanager
def throw_away_postgres() -> Iterator[str]:
    """Start a server and yield the address of an empty database; end it afterwards."""
    with throw_away_server("-c synchronous_commit=off") as server:
        yield server.url


@contextmanager
def own_database(server_url: str, name: str = "own") -> Iterator[str]:
    """Make an empty database on a server and yield its address; drop it afterwards."""
    plain = server_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def throw_away_server(settings: str = "", below: Path | None = None) -> Iterator[Server]:
    """Start a server that keeps what it acknowledged when it is stopped at once; end it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="portal-postgres-", dir=below))
    server = Server(home, _free_port(), settings)
    with afterwards(_END, str(home)):
        _give_to_user(home)
        options = ("--auth", "trust", "--username", "portal", "-E", "UTF8", "--no-sync")
        _run("initdb", "--pgdata", str(home / "data"), *options)
        server.start()
        _run("createdb", "-h", "127.0.0.1", "-p", str(server.port), "-U", "portal", "portal")
        yield server


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _give_to_user(home: Path) -> None:
    home.chmod(0o755)
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        os.chown(home, user.pw_uid, user.pw_gid)


def _run(program: str, *arguments: str) -> None:
    command = [str(binaries() / program), *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", env={"PATH": os.defpath, "LC_ALL": "C"}
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stdout}\n{done.stderr}")
