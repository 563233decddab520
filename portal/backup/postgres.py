"""PostgreSQL's own programs, given the connection that the portal makes: the whole of its address.

A setting of libpq's in the environment (PGHOST, PGSERVICE, …) never says which database is meant.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from portal.backup.errors import BackupError

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "service": "PGSERVICE",
}
# Only an argument could carry these to a program, and arguments are seen by everybody on the machine.
_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_CONNECT_SECONDS = 10
_OF_SYSTEM = "('pg_catalog', 'information_schema')"


def run(program: str, url: URL, *arguments: str) -> None:
    """Run a program against the database of an address; the password goes by the environment alone."""
    options = _options(url)
    password = options.pop("password", None)
    for name in _SECRETS:
        if name in options:
            raise BackupError(f"{name} in the database's address would be shown to all who list processes.")
    environment = {name: value for name, value in os.environ.items() if name not in _VARIABLES.values()}
    if password is not None:
        environment["PGPASSWORD"] = password
    command = [_path_of(program), "--no-password", f"--dbname={_conninfo(options)}", *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        error_lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupError(f"{program} failed: {error_lines[0] if error_lines else done.returncode}")


def place_of(url: URL) -> str:
    """Name the database of an address as a connection to it says."""
    with _connected(url) as connection:
        place = connection.info
        kind = "the socket " if place.host.startswith("/") else ""
        return f"the database {place.dbname} at {kind}{place.host}, port {place.port}"


def has_tables(url: URL) -> bool:
    """Tell whether a database has a table in any schema: a restore replaces all that the backup has."""
    query = f"SELECT 1 FROM pg_tables WHERE schemaname NOT IN {_OF_SYSTEM} LIMIT 1"  # noqa: S608 - ours
    with _connected(url) as connection:
        return connection.execute(query).fetchone() is not None


def _connected(url: URL) -> psycopg.Connection:
    try:
        return psycopg.connect(_conninfo(_options(url)))
    except psycopg.Error as error:
        raise BackupError(f"The database does not answer: {str(error).splitlines()[0]}") from error


def _options(url: URL) -> dict[str, Any]:
    """Return the parameters of libpq for an address, as the portal's own engine makes them."""
    try:
        _, options = url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError) as error:
        raise BackupError("The database's address cannot be used: a port is a number.") from error
    for name, variable in _VARIABLES.items():
        if os.environ.get(variable) and name not in options:
            raise BackupError(
                f"{variable} is set, and the database's address says no {name}: unset it, or say that."
            )
    return {"connect_timeout": _CONNECT_SECONDS, **options}


def _conninfo(options: Mapping[str, Any]) -> str:
    try:
        return make_conninfo(**options)
    except psycopg.Error as error:
        raise BackupError(f"The database's address cannot be used: {str(error).strip()}.") from error


def _path_of(program: str) -> str:
    """Return where a program of PostgreSQL's is; the newest, which can read older servers."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"),
        key=lambda path: int(path.parts[4]),
        reverse=True,
    )
    path = shutil.which(program) or (str(installed[0]) if installed else None)
    if path is None:
        raise BackupError(f"{program} is not installed: apt-get install postgresql-client.")
    return path
