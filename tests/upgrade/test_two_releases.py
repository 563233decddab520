"""The previous release's code on the new schema, and the new code on the previous release's schema."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from portal.config import ROOT
from portal.storage import db
from tests.upgrade.previous import NotHereError, python_of
from tests.upgrade.releases import releases

FULL = os.environ.get("SECURITY_FULL") == "1"
WALK = Path(__file__).with_name("walk.py")
READY_AHEAD = 503 if releases()[-1].version == "0.2.0" else 200  # that one wanted its own schema exactly
WRITTEN = {"reported": 200, "saved": 200}
pytestmark = pytest.mark.skipif(not FULL, reason="make upgrade runs the previous release's code")


@dataclass
class Portal:
    """Two releases on one database."""

    environment: dict[str, str]
    home: Path
    python: Path
    code: Path

    def previous(self, *arguments: str) -> str:
        return self._run(self.python, self.code, *arguments)

    def new(self, *arguments: str) -> str:
        return self._run(Path(sys.executable), ROOT, *arguments)

    def walk(self, run, role: str) -> dict[str, int]:
        return json.loads(run(str(WALK), role, str(self.home / "facts.json")).splitlines()[-1])

    def _run(self, python: Path, code: Path, *arguments: str) -> str:
        environment = self.environment | {"PYTHONPATH": str(code)}
        done = subprocess.run(
            [python, *arguments],
            cwd=code,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


FLASK = ("-m", "flask", "--app", "wsgi")
UPGRADE = (*FLASK, "db", "upgrade")


@pytest.fixture
def portal(fresh, sandboxes, tmp_path):
    try:
        python, code = python_of(releases()[-1])
    except NotHereError as error:
        pytest.skip(str(error))
    environment = {
        "PATH": os.environ["PATH"],
        "PORTAL_ENV": "demo",
        "PORTAL_VAR": str(tmp_path / "var"),
        "DATABASE_URL": db.engine.url.render_as_string(hide_password=False),
        "STRIPE_API_BASE": sandboxes.stripe_url,
        "EASYBILL_API_BASE": f"{sandboxes.easybill_url}/rest/v1",
        "EASYBILL_CALLS_PER_MINUTE": "6000",
    }
    return Portal(environment, tmp_path, python, code)


@pytest.mark.timeout(600)
def test_both_releases_read_and_write_while_the_schema_is_a_step_ahead(portal):
    portal.previous(*UPGRADE)
    portal.walk(portal.previous, "fill")
    assert portal.walk(portal.previous, "write") == WRITTEN
    before = portal.walk(portal.previous, "read")
    assert max(before.values()) < 500

    on_the_old_schema = portal.walk(portal.new, "read")
    assert {rule: on_the_old_schema[rule] for rule in before} == before | {"/readyz": 503}

    portal.new(*UPGRADE)
    for run in (portal.previous, portal.new, portal.previous):
        assert portal.walk(run, "write") == WRITTEN
    assert portal.walk(portal.previous, "read") == before | {"/readyz": READY_AHEAD}
    after = portal.walk(portal.new, "read")
    assert {rule: after[rule] for rule in before} == before

    portal.new(*FLASK, "billing", "seal-audit")  # once the last process of the previous release is gone
    portal.new(*FLASK, "billing", "verify")
    assert undelivered() == 0


def undelivered() -> int:
    with db.engine.connect() as connection:
        query = text("SELECT count(*) FROM invoice WHERE provider_document_id IS NULL")
        return connection.execute(query).scalar_one()
