"""The portal as the README has it run in production, with stand-ins for the providers: PORTAL_ENV=staging."""

import http.client
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flask import Flask

from portal.account.directory import add_collector
from portal.app import create_app
from portal.config import ROOT, from_environment
from portal.domain.access import Preset
from portal.domain.period import Month
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from tests.factories import (
    make_account,
    make_member,
    make_organization,
    make_product,
    make_subscription,
    make_token,
)
from tests.postgres import Server
from tests.production.front import HOST, Front, front
from tests.production.processes import children, ended, free_ports, plain_environment, started, until
from tests.production.visitors import Visitor
from tests.settings import Sandboxes

FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")
ADA, BOB = "ada@example.org", "bob@example.org"


@dataclass(frozen=True)
class Customer:
    """An organization with two people, a token of Ada's, and something that a collector reports."""

    token: str
    collector: str
    subscription: str


@dataclass
class Bed:
    """A running portal: its database, its two web processes, nginx before them, and a customer."""

    home: Path
    server: Server
    environment: Mapping[str, str]
    front: Front
    ports: list[int]
    customer: Customer | None = None
    webs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, address: str = "127.0.0.1") -> Visitor:
        self.visitors.append(Visitor(self.front, address))
        return self.visitors[-1]

    def command(self, *arguments: str) -> str:
        """Run a command of the operator's; return what it said."""
        done = subprocess.run(
            [*FLASK, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """Enter the portal's code in this process, to make rows and to look at them."""
        app = create_app(from_environment(self.environment, demo=lambda _given, _var: {}))
        with app.app_context():
            try:
                yield app
                db.session.commit()
            finally:
                db.session.remove()
                db.engine.dispose()

    def start_clock(self, name: str) -> subprocess.Popen[bytes]:
        return started([*FLASK, "billing", "work"], self.home / f"{name}.log", self.environment)

    def start_web(self, port: int) -> None:
        command = [*FLASK, "serve", "--listen", f"127.0.0.1:{port}", "--workers", "2"]
        self.webs[port] = started(command, self.log_of(port), self.environment)

    def is_ready(self, port: int) -> bool:
        assert self.webs[port].poll() is None, self.log_of(port).read_text()[-3000:]
        return self.status(port, "/readyz") == 200

    def wait_for_web(self, port: int) -> None:
        until(partial(self.is_ready, port), f"the web process at {port} is ready", 60)

    def stop_web(self, port: int) -> int:
        return ended(self.webs.pop(port))

    def workers_of(self, port: int) -> list[int]:
        return children(self.webs[port].pid)

    def status(self, port: int, path: str) -> int | None:
        """Ask a web process itself, as a health check does; None where it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": HOST})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kept_bytes(self) -> int:
        """Return how much the web processes keep in files without a name, as bodies are."""
        workers = [worker for port in self.ports for worker in self.workers_of(port)]
        files = [file for worker in workers for file in Path(f"/proc/{worker}/fd").iterdir()]
        return sum(file.stat().st_size for file in files if str(file.readlink()).endswith(" (deleted)"))

    def log_of(self, port: int) -> Path:
        return self.home / f"web-{port}.log"


@contextmanager
def production_bed(home: Path, server: Server, sandboxes: Sandboxes) -> Iterator[Bed]:
    """Start everything on an empty database; end it afterwards."""
    environment = _environment(home, server.url, sandboxes)
    plain, secure, *ports = free_ports(4)
    with ExitStack() as stack:
        bed = Bed(home, server, environment, stack.enter_context(front(home, (plain, secure), ports)), ports)
        bed.command("db", "upgrade")
        stack.callback(lambda: [bed.stop_web(port) for port in list(bed.webs)])
        for port in ports:
            bed.start_web(port)
        with bed.app():
            bed.customer = _customer()
        for port in ports:
            bed.wait_for_web(port)
        yield bed


def _environment(home: Path, database_url: str, sandboxes: Sandboxes) -> dict[str, str]:
    """Fill in the example of `deploy/`: as staging, with stand-ins, on a database of our own."""
    lines = (ROOT / "deploy" / "environment.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    environment = plain_environment() | {name: value.strip("'") for name, value in example.items()}
    return environment | {
        "PORTAL_ENV": "staging",
        "PORTAL_VAR": str(home / "var"),
        "SECRET_KEY": secrets.token_hex(32),
        "AUDIT_KEY": secrets.token_hex(32),
        "DATABASE_URL": database_url,
        "STRIPE_SECRET_KEY": "sk_test_sandbox",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(32)}",
        "STRIPE_API_BASE": sandboxes.stripe_url,
        "EASYBILL_API_KEY": "easybill-sandbox",
        "EASYBILL_API_BASE": f"{sandboxes.easybill_url}/rest/v1",
        "EASYBILL_CALLS_PER_MINUTE": "6000",
        "MAIL_URL": "smtp://127.0.0.1:9",
    }


def _customer() -> Customer:
    acme = make_organization("Acme GmbH")
    ada = make_member(acme, Preset.ADMIN, make_account(ADA))
    make_member(acme, Preset.VIEWER, make_account(BOB, "Bob"))
    subscription = make_subscription(acme, make_product("Virtual machine", "0.25"), since=Month.of(utc_now()))
    collector = add_collector("region one", now=utc_now())
    return Customer(make_token(acme, ada), collector, str(subscription.uid))
