"""Where a module stands and what it may import: denied, unless the contracts in pyproject.toml allow it."""

import ast
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"
CACHE = ROOT / ".import_linter_cache"  # the one of `lint-imports`
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = next(
    contract["layers"]
    for contract in SETTINGS["tool"]["importlinter"]["contracts"]
    if contract["type"] == "layers"
)
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
ROOM_BESIDE = '"usage | '  # how the layer of rooms begins
WITHOUT_A_REQUEST = ["portal.scheduler", "portal.closing", "portal.delivery", "portal.mailing"]
# What work without a request takes from Flask and its extensions: nothing that a request has.
NOT_OF_A_REQUEST = {"Flask", "current_app", "UserMixin", "SQLAlchemy"}
LIBRARIES_OF_THE_DOMAIN = {"email_validator", "iso4217", "pycountry", "stdnum"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("portal", include_external_packages=True, cache_dir=str(CACHE))


def placed() -> set[str]:
    return {name.strip() for layer in LAYERS for name in layer.split("|")}


def test_every_module_and_folder_of_the_portal_is_placed_in_a_layer():
    modules = {path.stem for path in PORTAL.glob("*.py")} - {"__init__"}
    folders = {path.name for path in PORTAL.iterdir() if next(path.rglob("*.py"), None)}
    assert placed() == modules | folders


def test_no_folder_of_the_portal_escapes_the_linter_for_want_of_an_init_file():
    folders = {path.parent for path in PORTAL.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_domain_imports_the_standard_library_and_four_libraries_of_facts(graph):
    imported = chain.from_iterable(
        graph.find_modules_directly_imported_by(name)
        for name in graph.modules
        if name.startswith("portal.domain.")
    )
    libraries = {name for name in imported if not name.startswith("portal.")} - sys.stdlib_module_names
    assert libraries == LIBRARIES_OF_THE_DOMAIN


def test_work_without_a_request_takes_nothing_of_a_request_from_flask(graph):
    roots = {*WITHOUT_A_REQUEST, *graph.find_matching_modules("portal.*.steps")}
    sources = roots | set().union(*(graph.find_upstream_modules(root, as_package=True) for root in roots))
    taken = {
        (name, item)
        for name in sources
        if name.startswith("portal.")
        for item in taken_from_flask(name)
        if item not in NOT_OF_A_REQUEST
    }
    assert taken == set()


def taken_from_flask(module: str) -> list[str]:
    """Return the names that a module imports from Flask or an extension of it."""
    path = ROOT / module.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    imports = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in imports if "flask" in str(node.module) for alias in node.names]


# -- tried, and seen to fail --------------------------------------------------------------------------
FAULTS = {  # a new module, what is wrong with it, and how the linter names that
    "bills/gateway.py": ("import stripe\n", "portal.bills.gateway -> stripe"),
    "bills/queries.py": ("from portal.web import args\n", "portal.bills.queries -> portal.web.args"),
    "bills/routes.py": ("import sqlalchemy\n", "portal.bills.routes -> sqlalchemy"),
    "bills/steps.py": ("from portal.access import auth\n", "portal.bills.steps -> portal.access.auth"),
    "budgets/page.py": ("from portal.usage import queries\n", "portal.budgets.page -> portal.usage.queries"),
    "quotas/page.py": ("from portal.sandbox import stripe\n", "portal.quotas.page -> portal.sandbox.stripe"),
    "nowhere/page.py": ("", "- portal.nowhere"),
    "gateways/tables.py": ("from portal import models\n", "portal.gateways.tables -> portal.models"),
    "sandbox/ours.py": ("from portal.domain import money\n", "portal.sandbox.ours -> portal.domain.money"),
    "ledger/page.py": ("from portal.web import json\n", "portal.ledger.page -> portal.web.json"),
    "domain/rows.py": ("import sqlalchemy\n", "portal.domain.rows -> sqlalchemy"),
}
PLACED_ROOMS = ("bills", "budgets", "quotas")


@pytest.fixture(scope="module")
def complaints(tmp_path_factory) -> str:
    """What the linter says of a portal that has every fault at once."""
    home = tmp_path_factory.mktemp("faulty")
    shutil.copytree(PORTAL, home / "portal", ignore=shutil.ignore_patterns("__pycache__"))
    rooms = " | ".join(PLACED_ROOMS)
    settings = (ROOT / "pyproject.toml").read_text()
    assert settings.count(ROOM_BESIDE) == 1
    (home / "pyproject.toml").write_text(settings.replace(ROOM_BESIDE, f'"{rooms} | {ROOM_BESIDE[1:]}'))
    for name, (source, _) in FAULTS.items():
        path = home / "portal" / name
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(source)
    linter = subprocess.run(
        [sys.executable, "-c", LINT], cwd=home, capture_output=True, text=True, check=False, timeout=60
    )
    assert linter.returncode == 1, linter.stdout + linter.stderr
    return linter.stdout


@pytest.mark.parametrize("name", FAULTS)
def test_the_import_linter_refuses_a_planted_fault(complaints, name):
    _, complaint = FAULTS[name]
    assert complaint in " ".join(complaints.split())
