"""The wheel serves: built, installed apart from the checkout, it answers with a page and its style."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from portal.config import ROOT
from tests.web.test_config import PRODUCTION

IS_FULL = os.environ.get("SECURITY_FULL") == "1"
OPEN = """
import portal, sys
from wsgi import app
browser = app.test_client()
where = {"base_url": "https://billing.example"}
page = browser.get("/login", **where)
assert page.status_code == 200, page.status
for address in filter(None, page.text.split('"')):
    if address.startswith("/static/") and "#" not in address:
        assert browser.get(address, **where).status_code == 200, address
print(portal.__file__)
"""
LOCK = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)==(?P<version>\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=100)
    (built,) = folder.glob("billing_portal-*.whl")
    return built


def _installed_as_locked(wheel: Path, home: Path) -> Path:
    """Install the wheel and the locked libraries into an environment of their own; return its Python."""
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    locked = str(ROOT / "requirements" / "production.txt")
    subprocess.run([*pip, "--require-hashes", "--requirement", locked], check=True, timeout=300)
    subprocess.run([*pip, str(wheel)], check=True, timeout=100)
    return home / "bin" / "python"


def test_an_installed_wheel_serves_a_page_with_its_style(wheel, tmp_path):
    home = tmp_path / "environment"
    settings = PRODUCTION | {"DATABASE_URL": f"sqlite:///{tmp_path / 'portal.sqlite'}"}
    if IS_FULL:
        python = _installed_as_locked(wheel, home)
    else:  # beside the libraries that are here
        zipfile.ZipFile(wheel).extractall(home)
        python = Path(sys.executable)
        settings["PYTHONPATH"] = str(home)
    alone = {"env": {"PATH": os.defpath, **settings}, "cwd": tmp_path, "timeout": 100}
    subprocess.run([python, "-m", "flask", "--app", "wsgi", "db", "upgrade"], check=True, **alone)
    opened = subprocess.run([python, "-c", OPEN], capture_output=True, text=True, check=True, **alone)
    assert Path(opened.stdout.strip()).is_relative_to(home)


def test_locked_versions_are_the_same_in_every_file_and_name_no_registry():
    seen: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
        for name, version in LOCK.findall(text):
            seen.setdefault(name.lower(), set()).add(version)
    assert {name: versions for name, versions in seen.items() if len(versions) > 1} == {}
