"""Debian's nginx before the portal, with the example of `deploy/nginx`: only ports and paths are ours."""

import os
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.config import ROOT
from tests.production.processes import ended, is_listening, started, until

HOST = "billing.example.com"  # as the example says
_EXAMPLE = ROOT / "deploy" / "nginx"
_PROGRAM = "/usr/sbin/nginx"
_SELF_SIGNED = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
    *("-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"),
)
_AROUND = """
{user}
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/portal.conf;
}}
"""


class NoNginxError(RuntimeError):
    """nginx is not installed; `make test` installs it."""


@dataclass(frozen=True)
class Front:
    """An nginx that ends TLS, and what a client needs to trust it."""

    port: int
    plain_port: int
    trust: ssl.SSLContext


@contextmanager
def front(home: Path, ports: tuple[int, int], upstreams: Sequence[int]) -> Iterator[Front]:
    """Run nginx at two ports, plain and TLS, before web processes at others."""
    if not Path(_PROGRAM).exists():
        raise NoNginxError("no nginx at /usr/sbin: apt-get install nginx")
    plain, secure = ports
    _make_certificate(home / "tls")
    addresses = {"listen 80": _at(plain), "listen 443": _at(secure), "listen [::]": "# listen [::]"}
    _write(home, "portal.conf", {"/etc/nginx/": f"{home}/", **addresses})
    _write(
        home, "portal-upstream.conf", {f":{8001 + place}": f":{port}" for place, port in enumerate(upstreams)}
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(_AROUND.format(home=home, user=user))
    command = [_PROGRAM, "-e", str(home / "nginx.log"), "-p", str(home), "-c", str(home / "nginx.conf")]
    process = started(command, home / "nginx.log")
    try:
        until(lambda: is_listening(secure), "nginx listens")
        trust = ssl.create_default_context(cafile=str(home / "tls" / "fullchain.pem"))
        yield Front(secure, plain, trust)
    finally:
        ended(process)


def _at(port: int) -> str:
    return f"listen 127.0.0.1:{port}"


def _write(home: Path, name: str, changes: dict[str, str]) -> None:
    text = (_EXAMPLE / name).read_text()
    for example, ours in changes.items():
        assert example in text, f"{name} has no {example}"
        text = text.replace(example, ours)
    (home / name).write_text(text)


def _make_certificate(folder: Path) -> None:
    folder.mkdir()
    subprocess.run(
        [*_SELF_SIGNED, "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")],
        check=True,
        capture_output=True,
        timeout=30,
    )
