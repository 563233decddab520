"""Every address that can be read, as everybody, in every face: from the map of the old code's addresses."""

from __future__ import annotations

import base64
import itertools
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

Step = dict[str, Any]
JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
STRANGE = "00000000-0000-4000-8000-000000000000"
_DOMAIN = "hanse.example"
_ADMIN = f"admin@{_DOMAIN}"
_PRESETS = ("admin", "billing", "developer", "viewer", "operator")
_UID_LENGTH = 32
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
_TABLES = {
    "invoice_id": "invoice",
    "subscription_id": "subscription",
    "payment_method_id": "payment_method",
    "token_id": "api_token",
    "project_id": "project",
}
_WINDOWS = (
    *("month=2026-02", "month=2025-12", "month=2025-03", "month=2024-01", "month=2030-01", "day=2026-03-01"),
    *("day=2026-01-13", "from=2026-02-03T04:00:00Z", "from=2026-01-30&to=2026-03-02T00:00:00%2B02:00"),
    *("to=2025-06-15T10:30:00Z", "month=2026-13", "month=x", "day=2026-02-30", "day=1066-01-01"),
    *(
        "from=b",
        "to=2026-01-01&from=2026-02-01",
        "month=2026-01&day=2026-01-01",
        "day=2026-01-01&to=2026-01-02",
    ),
)
_LISTS = (
    "limit=1",
    "limit=2",
    "limit=200",
    "limit=0",
    "limit=201",
    "limit=x",
    "cursor=x",
    "cursor=",
    "limit=",
)


class Things:
    """The public names of what an organization has, read from the database file."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        organizations = self._rows("SELECT id, uid, emails FROM organization ORDER BY id")
        self.organizations = {
            json.loads(emails)[0].split("@")[1]: (key, _uid(uid)) for key, uid, emails in organizations
        }

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    def of(self, domain: str) -> dict[str, list[str]]:
        key, uid = self.organizations[domain]
        names = {"organization_id": [uid]}
        for name, table in _TABLES.items():
            rows = self._rows(f"SELECT uid FROM {table} WHERE organization_id = ? ORDER BY id", key)
            names[name] = [_uid(row[0]) for row in rows]
        products = """SELECT DISTINCT p.uid FROM product p JOIN subscription s ON s.product_id = p.id
            WHERE s.organization_id = ?"""
        names["product_id"] = [_uid(row[0]) for row in self._rows(products, key)]
        documents = "SELECT easybill_id FROM legal_document WHERE organization_id = ? ORDER BY id"
        names["document_id"] = [row[0] for row in self._rows(documents, key)]
        return names

    def lines_with_prices(self, domain: str) -> list[tuple[str, str]]:
        """Return the addresses' parts of a few lines: (unit price, its invoice)."""
        query = """SELECT DISTINCT i.unit_price, v.uid FROM invoice_item i JOIN invoice v
            ON v.organization_id = i.organization_id AND v.id = i.invoice_id WHERE i.organization_id = ?"""
        rows = self._rows(query, self.organizations[domain][0])
        return [(f"{price / 10**12:.12f}".rstrip("0").rstrip("."), _uid(uid)) for price, uid in rows]

    def known_names(self) -> list[str]:
        """Return every public name and hash in the database: others were made during the walk."""
        tables = [name for (name,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = [
            str(row[0])
            for table in tables
            for _, column, *_ in self._rows(f"PRAGMA table_info({table})")
            if column == "uid" or column.endswith("sha256")
            for row in self._rows(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
        ]
        return [_uid(name) if len(name) == _UID_LENGTH else name for name in names]


def _uid(stored: str) -> str:
    return str(UUID(stored))


def step(who: str, method: str, path: str, **more: Any) -> Step:
    """Describe a request; `who` is a login, the name of a session or of a token ("token …"), or nobody."""
    headers = more.get("headers", {})
    faces = ", ".join(f"{name}: {value}" for name, value in headers.items())
    return {"who": who, "method": method, "path": path, "name": f"{who} | {method} {path} | {faces}"} | more


def cursor(*parts: Any) -> str:
    """Return the cursor of a list, as the portal writes it."""
    text = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def all_reads(rules: Sequence[Mapping[str, Any]], things: Things) -> Iterator[Step]:
    """Yield the GETs of the walk."""
    readable = [rule for rule in rules if "GET" in rule["methods"] and rule["endpoint"] != "static"]
    private = [rule for rule in readable if not rule["is_public"]]
    for rule, face in itertools.product(readable, (JSON, HTML, {})):
        if rule["is_public"]:
            yield from (step(who, "GET", rule["rule"], headers=face) for who in (_ADMIN, "nobody"))
    for domain in things.organizations:
        names = things.of(domain)
        yield from _whole(private, f"admin@{domain}", names)
        first = {name: values[:1] for name, values in names.items()}
        for preset, rule in itertools.product(_PRESETS, private):
            for path, face in itertools.product(_paths(rule, first), (JSON, HTML)):
                yield step(f"{preset}@{domain}", "GET", path, headers=face)
                yield step(f"token {preset}@{domain}", "GET", path, headers=face if face == JSON else {})
        yield from _asked(private, things, domain)
    yield from _fragments(private, things)
    yield from _strangers(private, things)
    yield from _wrong_methods(rules, things)
    yield from _special(things)


def _whole(
    rules: Sequence[Mapping[str, Any]], who: str, names: Mapping[str, Sequence[str]]
) -> Iterator[Step]:
    """Everything that one organization has."""
    for rule in rules:
        for path, face in itertools.product(_paths(rule, names), (JSON, HTML)):
            yield step(who, "GET", path, headers=face)


def _asked(rules: Sequence[Mapping[str, Any]], things: Things, domain: str) -> Iterator[Step]:
    """Each address with each thing one can ask it; of the other customers only some of the questions."""
    names = things.of(domain)
    for rule in rules:
        if domain != _DOMAIN and not rule["fragments"] and not rule["rule"].endswith("/download"):
            continue
        for path in _paths(rule, {name: values[:1] for name, values in names.items()}):
            queries = [*_queries(rule["rule"], names, things, domain)][:: 1 if domain == _DOMAIN else 4]
            for query, face in itertools.product(queries, (JSON, HTML)):
                yield step(
                    f"admin@{domain}", "GET", f"{path}{'&' if '?' in path else '?'}{query}", headers=face
                )


def _paths(rule: Mapping[str, Any], names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    parameters = re.findall(r"<(?:\w+:)?(\w+)>", rule["rule"])
    columns = [names.get(_thing(rule, name), [STRANGE]) for name in parameters]
    for values in itertools.product(*columns):
        path = rule["rule"]
        for name, value in zip(parameters, values, strict=True):
            path = re.sub(rf"<(?:\w+:)?{name}>", value, path)
        is_said = "organization_id" in parameters or not names
        yield path if is_said else f"{path}?organization_id={names['organization_id'][0]}"


def _thing(rule: Mapping[str, Any], name: str) -> str:
    return "document_id" if name == "invoice_id" and rule["endpoint"].startswith("legal_") else name


def _queries(rule: str, names: Mapping[str, Sequence[str]], things: Things, domain: str) -> Iterable[str]:
    if rule == "/billing/usage":
        yield from _usage_queries(names, things, domain)
    elif rule.endswith("/download"):
        for document, kind in itertools.product(names["document_id"], ("", "&format=xrechnung")):
            yield f"invoice_id={document}{kind}"
        for document in (*names["document_id"][:1], "1"):
            yield from (f"invoice_id={document}&format={kind}" for kind in ("zugferd", "pdf", "x"))
        yield "invoice_id="
    elif not rule.startswith("/login"):
        yield from _LISTS
        yield from (f"cursor={each}" for each in _cursors())
        yield "unknown=1"


def _cursors() -> Iterator[str]:
    for parts in ((1,), (3,), (100,), ("2026-01",), ("2025-10",), ("2026-01-04", 3), ("x", "y"), (-1,), ()):
        yield cursor(*parts)


def _usage_queries(names: Mapping[str, Sequence[str]], things: Things, domain: str) -> Iterator[str]:
    steps = ("", "&granularity=hour", "&granularity=day", "&granularity=month", "&granularity=x")
    yield from (window + finer for window in _WINDOWS for finer in steps)
    yield from ("by=project", "by=product&month=2026-02", "by=project&month=2026-01&granularity=day", "by=x")
    for project in (*names["project_id"], "none", "x", STRANGE):
        yield from (f"month=2026-02&project_id={project}{finer}" for finer in ("", "&granularity=hour"))
    yield from (f"month=2026-02&product_id={product}" for product in (*names["product_id"], "x", STRANGE))
    lines = things.lines_with_prices(domain)
    for price, invoice in [
        *lines[:: max(1, len(lines) // 12)],
        ("x", "x"),
        ("NaN", STRANGE),
        ("1e3", STRANGE),
    ]:
        yield from (
            f"unit_price={price}&month=2026-02",
            f"billed_by={invoice}&month=2025-12&unit_price={price}",
        )
        yield from (f"billed_by={invoice}", f"billed_by={invoice}&granularity=hour&month=2025-12")
    for project, product in itertools.product(names["project_id"], names["product_id"]):
        yield f"month=2026-02&project_id={project}&product_id={product}"


def _fragments(rules: Sequence[Mapping[str, Any]], things: Things) -> Iterator[Step]:
    names = {name: values[:1] for name, values in things.of(_DOMAIN).items()}
    others = [{"HX-Target": "main"}, {"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}, {}]
    for rule, path in [(each, path) for each in rules for path in _paths(each, names)]:
        targets = [{"HX-Target": name} for name in rule["fragments"]]
        for who, more in itertools.product((_ADMIN, "operator@hanse.example", "nobody"), targets + others):
            current = {"HX-Request": "true", "HX-Current-URL": "http://localhost/invoices?limit=2"}
            yield step(who, "GET", path, headers=current | more)
            if targets and "HX-Target" in more:
                yield step(
                    who,
                    "GET",
                    f"{path}{'&' if '?' in path else '?'}limit=1&month=2026-01",
                    headers=current | more,
                )


def _strangers(rules: Sequence[Mapping[str, Any]], things: Things) -> Iterator[Step]:
    """Who is nobody, who belongs elsewhere, whose token does not work, and what is not there at all."""
    own, other = things.of(_DOMAIN), things.of("alpen.example")
    mixed = other | {"organization_id": own["organization_id"]}
    people = (
        "nobody",
        "over",
        "alone@walk.example",
        "both@walk.example",
        "unconfirmed",
        "token revoked",
        "token read only",
    )
    people += ("token collector", "token unknown", "token malformed", "token expiring", "basic")
    for rule, names in itertools.product(rules, (own, mixed, {name: [STRANGE] for name in own})):
        path = next(_paths(rule, {name: values[:1] for name, values in names.items()}))
        bare = path.partition("?")[0]
        for who, face in itertools.product((*people, _ADMIN), (JSON, HTML)):
            yield step(who, "GET", path, headers=face)
            if bare != path and names is own:
                yield step(who, "GET", bare, headers=face)
    for who, face in itertools.product(("nobody", _ADMIN, "token admin@hanse.example"), (JSON, HTML, {})):
        for path in ("/nothing", "/invoices/x", "/invoices/", "/static/nothing.css", "/?organization_id=x"):
            yield step(who, "GET", path, headers=face)


def _wrong_methods(rules: Sequence[Mapping[str, Any]], things: Things) -> Iterator[Step]:
    names = {name: values[:1] for name, values in things.of(_DOMAIN).items()}
    allowed: dict[str, set[str]] = {}
    for rule in rules:
        for path in _paths(rule, names):
            allowed.setdefault(path, set()).update(rule["methods"])
    for path, methods in allowed.items():
        for method, face in itertools.product(("OPTIONS", "HEAD", *_METHODS), (JSON, HTML)):
            if method not in methods or method in {"OPTIONS", "HEAD"}:
                yield step(_ADMIN, method, path, headers=face, csrf=True)
                yield step("nobody", method, path, headers=face)


def _special(things: Things) -> Iterator[Step]:
    """Odd headers: hosts, languages, faces that do not exist, files one has already."""
    names = things.of(_DOMAIN)
    list_path = f"/organizations/{names['organization_id'][0]}/invoices"
    odd = (
        {"Host": "evil.example"},
        {"Accept": "image/png"},
        {"Accept": "application/json;q=0.5, text/html;q=0.4"},
    )
    odd += ({"Accept": "*/*"}, {"Accept": ""}, {"Accept-Language": "de"}, {"X-Forwarded-For": "1.2.3.4"})
    for path, headers in itertools.product(
        ("/", "/invoices", list_path, "/account", "/openapi.json", "/nothing"), odd
    ):
        yield step(_ADMIN, "GET", path, headers=headers)
    document = f"{list_path}/download?invoice_id={names['document_id'][0]}"
    for tag in ("*", '"x"'):
        yield step(_ADMIN, "GET", document, headers={"If-None-Match": tag})
    yield step(_ADMIN, "GET", document, headers={"Range": "bytes=0-9"})
    for who, headers in itertools.product((_ADMIN, "both@walk.example", "token expiring"), (JSON, HTML)):
        yield step(who, "GET", "/invoices", headers=headers, minutes=31)
    yield step(_ADMIN, "GET", "/account", headers=HTML, minutes=16)
