"""What cannot be meant stops every way to start, with one sentence and no trace of code."""

import os
import subprocess
import sys

import pytest

from portal.config import ROOT
from portal.demo import __main__ as demo
from tests.web.test_config import PRODUCTION, STAGING


def test_production_with_stand_ins_ends_with_one_sentence(tmp_path):
    refused = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "billing", "work"],
        cwd=ROOT,
        env={"PATH": os.defpath, "PORTAL_VAR": str(tmp_path), **STAGING, "PORTAL_ENV": "production"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("The portal cannot start: PORTAL_ENV=production refuses stand-ins: ")
    assert refused.stderr.count("\n") == 1, refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"DATABASE_URL": PRODUCTION["DATABASE_URL"]},
            "DATABASE_URL is set, so PORTAL_ENV says what this is",
        ),
        (STAGING, "PORTAL_ENV=staging is not the demo"),
        (PRODUCTION, "PORTAL_ENV=production is not the demo"),
    ],
)
def test_the_demo_fills_nothing_but_the_demo(settings, said, tmp_path, monkeypatch):
    for name in STAGING:
        monkeypatch.delenv(name, raising=False)
    for name, value in (settings | {"PORTAL_VAR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"The demo cannot start: {said}"):
        demo._run(1, None, None, is_reloading=False)
    assert list(tmp_path.iterdir()) == []
