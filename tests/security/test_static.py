"""What the source itself must not say: found in its syntax tree, file by file (S3, S13, S18).

Each search is also tried on a line that it has to find, so that a search that finds nothing means something.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from portal.config import ROOT
from portal.storage import db

SOURCE = sorted(path for path in (ROOT / "portal").rglob("*.py") if "sandbox" not in path.parts)
# Tables that belong to no organization: what is sold, who there is, and what the edge remembers.
OF_NOBODY = {
    "account", "call_budget", "clock_acceptance", "clock_state", "collector", "mirror_state",
    "operator_notice", "organization", "outgoing_mail", "password_reset", "price", "product",
    "scheduler_step", "stored_answer", "stripe_event", "throttle", "user_session",
}  # fmt: skip
# Reads by the column, without the mapper: each starts from an organization in its own text.
WITHOUT_MAPPER = {
    "portal/invoices/queries.py",
    "portal/models/owned.py",
    "portal/ledger/audit.py",
    "portal/ledger/audit_chain.py",
    "portal/ledger/audit_heads.py",  # the last entry of each organization
    "portal/ledger/completeness.py",
    "portal/ledger/invoice_lines.py",
    "portal/ledger/names.py",
    "portal/ledger/usage_rows.py",
    "portal/ledger/usage_sums.py",
    "portal/ledger/prices.py",
    "portal/models/bulk.py",
}
WITH_CONNECTION = {  # COPY and bulk inserts, the version of the schema, the pragmas of SQLite
    "portal/backup/database_copy.py",
    "portal/backup/postgres.py",
    "portal/storage/database.py",
    "portal/storage/transaction.py",  # the deadline of a statement
    "portal/models/owned.py",
    "portal/metering/staging.py",
    "portal/models/bulk.py",
    "portal/health/queries.py",
    "portal/health/readiness.py",
    "portal/timekeeping/clocks.py",
    "portal/closing/verify_schema.py",  # the objects of the schema, as the catalogue of the database has them
    "portal/migrating/objects.py",
}
WITH_TEXT = {  # constants of the source
    "portal/closing/verify.py": ["imports literal_column"],
    "portal/ledger/completeness.py": ["imports literal_column"],
    "portal/ledger/usage_sums.py": ["imports literal_column"],
    # Steps of the schema, which has no rows of anybody's.
    "portal/migrating/indexes.py": ["imports text"],
    "portal/migrating/losses.py": ["imports text"],
    "portal/migrating/objects.py": ["imports text"],
    "portal/migrating/patience.py": ["imports text"],
}
COMPARES_TEXTS = {  # whether two bodies, or two rows, are the same: nobody gets in by it
    "portal/ledger/audit.py",
    "portal/ledger/audit_chain.py",
    "portal/backup/manifest.py",
    "portal/access/idempotency.py",
}
OUTWARD = {"requests", "smtplib", "urllib.request", "http.client", "socket", "stripe", "httpx", "urllib3"}
SECRET = re.compile(r"token|secret|signature|sha256|password|api_key|code_hash|csrf", re.IGNORECASE)
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
STARTS_PROGRAMS = {"subprocess", "os.system", "os.popen", "pickle", "marshal", "shelve", "yaml", "xml"}


def name_of(node: ast.AST) -> str:
    return ast.unparse(node)


def raw_sql(tree: ast.AST) -> Iterator[str]:
    """`text("SELECT …")` of SQLAlchemy, and statements given to the driver."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            yield from (
                f"imports {each.name}" for each in node.names if each.name in {"text", "literal_column"}
            )
        if isinstance(node, ast.Attribute) and name_of(node) in {"db.text", "sa.text", "sqlalchemy.text"}:
            yield name_of(node)


def without_mapper(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and name_of(node).endswith((".__table__", "db.metadata")):
            yield name_of(node)


def with_connection(tree: ast.AST) -> Iterator[str]:
    words = {"connection", "exec_driver_sql", "raw_connection", "connect"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in words:
            yield name_of(node.func)


def compared_secrets(tree: ast.AST) -> Iterator[str]:
    """`==` on a secret in Python tells by its time how much was right; a column in SQL does not."""
    columns = re.compile(r"^[A-Z]\w+\.\w+$")
    harmless = re.compile(r"is_|_max$|_min$|\.type\b|^len\(|count|fields?\b")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
            continue
        sides = [name_of(each) for each in (node.left, *node.comparators)]
        constants = [each for each in (node.left, *node.comparators) if isinstance(each, ast.Constant)]
        if any(columns.match(side) for side in sides) or constants:
            continue
        if any(SECRET.search(side) and not harmless.search(side) for side in sides):
            yield name_of(node)


def goes_outward(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in OUTWARD)
        if isinstance(node, ast.ImportFrom) and node.module and node.module in OUTWARD:
            yield node.module


def follows_redirects(tree: ast.AST) -> Iterator[str]:
    """A call of `requests` that does not say `allow_redirects=False` and a timeout."""
    verbs = {"request", "get", "post", "put", "delete", "patch", "head"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if name_of(node.func.value) != "requests" or node.func.attr not in verbs:
            continue
        said = {each.arg: name_of(each.value) for each in node.keywords}
        if said.get("allow_redirects") != "False" or "timeout" not in said:
            yield name_of(node.func)


def runs_text(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in RUNS_TEXT | {"os.system", "os.popen"}:
            yield name_of(node.func)
        if isinstance(node, ast.Call) and name_of(node.func).endswith("render_template_string"):
            yield name_of(node.func)
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.partition(".")[0] in STARTS_PROGRAMS)


def weak_hashes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"md5", "sha1"}:
            yield name_of(node)
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name == "random")


@cache
def tree_of(path: Path) -> ast.AST:
    return ast.parse(path.read_text())


def found_by(search: Callable[[ast.AST], Iterator[str]]) -> dict[str, list[str]]:
    found = {path.relative_to(ROOT).as_posix(): sorted(set(search(tree_of(path)))) for path in SOURCE}
    return {path: what for path, what in found.items() if what}


def test_every_table_is_of_an_organization_or_on_the_list_of_shared_tables():
    owned = {table.name for table in db.metadata.sorted_tables if "organization_id" in table.c}
    assert {table.name for table in db.metadata.sorted_tables} - owned == OF_NOBODY


def test_no_sql_statement_is_written_as_text():
    assert found_by(raw_sql) == WITH_TEXT


def test_only_listed_functions_read_the_database_without_the_mapper():
    assert set(found_by(without_mapper)) <= WITHOUT_MAPPER


def test_only_listed_functions_take_the_database_connection_itself():
    assert set(found_by(with_connection)) <= WITH_CONNECTION


def test_no_secret_is_compared_with_equals():
    assert set(found_by(compared_secrets)) <= COMPARES_TEXTS


def test_only_gateways_call_other_hosts():
    listen = (
        "portal/serving/",
        "portal/health/listening.py",
    )  # they have sockets, and take connections alone
    inside = {path for path in found_by(goes_outward) if not path.startswith(("portal/gateways/", *listen))}
    assert inside == {"portal/demo/stand_ins.py"}, "the demo waits for its own sandboxes"


def test_no_call_to_another_host_follows_a_redirect_or_waits_for_ever():
    assert found_by(follows_redirects) == {}


def test_no_module_runs_text_as_code_or_unpickles_objects():
    demo = {f"portal/demo/{name}.py" for name in ("__main__", "reloading", "stand_ins")}
    programs = demo | {"portal/backup/postgres.py"}  # the demo's own processes; pg_dump
    assert found_by(runs_text) == {each: ["subprocess"] for each in programs}


def test_no_module_uses_a_weak_hash_or_predictable_random_numbers():
    demo = {"portal/demo/usage.py"}
    assert set(found_by(weak_hashes)) - demo == set()


@pytest.mark.parametrize(
    ("search", "line"),
    [
        (raw_sql, "from sqlalchemy import text"),
        (raw_sql, "db.session.execute(db.text('select 1'))"),
        (without_mapper, "select(Invoice.__table__)"),
        (without_mapper, "db.metadata.tables['invoice']"),
        (with_connection, "db.session.connection().execute(x)"),
        (with_connection, "db.engine.connect()"),
        (compared_secrets, "if row.token_sha256 == fingerprint: pass"),
        (compared_secrets, "if signature != expected: pass"),
        (compared_secrets, "ok = given == self._secret"),
        (goes_outward, "import requests"),
        (goes_outward, "from urllib.request import urlopen"),
        (follows_redirects, "requests.get(url, timeout=1)"),
        (follows_redirects, "requests.post(url, allow_redirects=False)"),
        (runs_text, "eval(request.args['x'])"),
        (runs_text, "import pickle"),
        (runs_text, "flask.render_template_string(name)"),
        (weak_hashes, "hashlib.md5(b'')"),
        (weak_hashes, "import random"),
    ],
)
def test_each_search_of_the_source_for_unsafe_code_finds_an_example(search, line):
    assert list(search(ast.parse(line)))


def test_the_search_of_the_source_for_unsafe_code_covers_the_whole_portal():
    assert len(SOURCE) > 100
    assert Path(ROOT / "portal/access/auth.py") in SOURCE
