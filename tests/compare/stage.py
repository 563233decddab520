"""Where a side of the walk is played: its tree, its copy of the world, its stand-ins, its environment."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WEBHOOK_SECRET = "whsec_of_the_walk_alone"
_READY_SECONDS = 20


@dataclass(frozen=True)
class Stage:
    """One tree of code and one folder with a database, the mails and the state of the stand-ins."""

    tree: Path
    var: Path

    @property
    def python(self) -> str:
        """The tree's own interpreter; without one, the one that runs this."""
        own = self.tree / ".venv/bin/python"
        return str(own) if own.exists() else sys.executable

    def copy(self, tree: Path, var: Path) -> Stage:
        """Take the same world to other code, or to a second performance."""
        shutil.rmtree(var, ignore_errors=True)
        shutil.copytree(self.var, var)
        return Stage(tree, var)

    def run(self, script: str, *arguments: str, environment: Mapping[str, str]) -> None:
        """Run a script of this folder with the tree's code."""
        command = [self.python, str(HERE / script), *arguments]
        subprocess.run(command, cwd=self.tree, env=environment, check=True)


@contextmanager
def stand_ins(code: Path, stage: Stage) -> Iterator[dict[str, str]]:
    """Serve the stand-ins of `code` with the stage's state; yield the environment that leads there."""
    stripe_port, easybill_port = _free_ports()
    arguments = ["--stripe-port", str(stripe_port), "--easybill-port", str(easybill_port)]
    arguments += ["--state", str(stage.var / "sandbox"), "--exit-with-stdin"]
    server = subprocess.Popen(
        [Stage(code, stage.var).python, "-m", "portal.sandbox", *arguments],
        cwd=code,
        env=_plain_environment(code),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(stripe_port, easybill_port)
        yield _environment(stage, stripe_port, easybill_port)
    finally:
        server.communicate(timeout=10)  # the end of their input is theirs


def _plain_environment(tree: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def _environment(stage: Stage, stripe_port: int, easybill_port: int) -> dict[str, str]:
    return _plain_environment(stage.tree) | {
        "COMPARE_TREE": str(stage.tree),
        "COLUMNS": "100",
        "LOG_LEVEL": "CRITICAL",
        "PORTAL_ENV": "demo",
        "PORTAL_VAR": str(stage.var),
        "DATABASE_URL": f"sqlite:///{stage.var / 'portal.sqlite'}",
        "PORTAL_URL": "http://localhost",
        "SECRET_KEY": "a secret of the walk, long enough for all",
        "AUDIT_KEY": "a key of the walk's audit trails, long enough",
        "STRIPE_SECRET_KEY": "sk_test_sandbox",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_sandbox",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}",
        "EASYBILL_API_KEY": "easybill-sandbox",
        "EASYBILL_API_BASE": f"http://127.0.0.1:{easybill_port}/rest/v1",
        "EASYBILL_CALLS_PER_MINUTE": "60000",
        "EASYBILL_FORMATS": "xrechnung",
        "EU_WITHOUT_VAT_ID": "refuse",
    }


def _free_ports() -> list[int]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return [first.getsockname()[1], second.getsockname()[1]]


def _wait_for(*ports: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit(f"The stand-ins did not start within {_READY_SECONDS} seconds.")
                time.sleep(0.05)
