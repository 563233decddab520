"""What production installs is what production imports: the stand-ins and their libraries are an extra."""

import os
import subprocess
import sys

from portal.config import ROOT
from tests.web.test_config import PRODUCTION

SERVE = """
import sys
sys.modules |= {"reportlab": None, "portal.sandbox": None, "portal.demo": None}  # as if not there
from wsgi import app
assert app.test_client().get("/login", base_url="https://billing.example").status_code == 200
"""
STAND_IN = """
import runpy, sys
sys.modules["reportlab"] = None
sys.argv[1:] = ["--stripe-port", "1", "--easybill-port", "2"]
runpy.run_module("portal.sandbox", run_name="__main__")
"""


def _run(script: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": os.environ.get("HOME", "/"), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_serves_without_the_sandboxes_and_their_libraries(tmp_path):
    served = _run(SERVE, **PRODUCTION | {"DATABASE_URL": f"sqlite:///{tmp_path / 'portal.sqlite'}"})
    assert served.returncode == 0, served.stderr


def test_a_sandbox_without_its_extra_says_what_to_install():
    refused = _run(STAND_IN)
    assert refused.returncode == 1
    assert "pip install 'billing-portal[sandbox]'" in refused.stderr
