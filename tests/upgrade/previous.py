"""The previous release's code, in a folder and an environment of its own outside of the checkout."""

import hashlib
import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path

from portal.config import ROOT
from tests.upgrade.releases import Release

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "billing-portal"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)
_LOCKS = ("requirements/demo.txt", "constraints.txt")  # of releases since 0.3, and before


class NotHereError(RuntimeError):
    """The previous release cannot be run here; the sentence says why."""


def python_of(release: Release) -> tuple[Path, Path]:
    """Return the interpreter that runs a release, and the folder of its code."""
    code = _code_of(release)
    locks = next(path for name in _LOCKS if (path := code / name).exists())
    pins = dict(_PIN.findall(locks.read_text()))
    if all(_version(name) in {None, pin} for name, pin in pins.items()):
        return Path(sys.executable), code
    return _environment(code, locks), code


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _code_of(release: Release) -> Path:
    code = CACHE / "releases" / release.commit
    if not code.exists():
        partial = code.with_suffix(f".{os.getpid()}")
        partial.mkdir(parents=True)
        archive = _git("archive", release.commit)
        subprocess.run(["tar", "-x", "-C", str(partial)], input=archive, check=True)
        partial.rename(code)
    return code


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True)
    if done.returncode:
        raise NotHereError("the previous release's commit is not in this clone: git fetch --unshallow")
    return done.stdout


def _environment(code: Path, locks: Path) -> Path:
    """Return the interpreter of an environment with what a lock file names, made where it is missing."""
    digest = hashlib.sha256(locks.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = CACHE / "environments" / digest
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        venv.create(home, with_pip=True, clear=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_wanted(code, locks)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise NotHereError(f"its libraries could not be installed: {done.stderr.strip()[-200:]}")
        ready.touch()
    return python


def _wanted(code: Path, locks: Path) -> list[str]:
    if locks.name != "constraints.txt":
        return ["--require-hashes", "-r", str(locks)]
    project = tomllib.loads((code / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]
    return ["--constraint", str(locks), *wanted]
