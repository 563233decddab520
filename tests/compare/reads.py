"""Every address that can be read, as everybody, in every face: from the map of the old code's addresses."""

import base64
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.compare.things import Names, Things

Step = dict[str, Any]
Rule = Mapping[str, Any]
Rules = Sequence[Rule]
JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
STRANGE = "00000000-0000-4000-8000-000000000000"
_DOMAIN = "hanse.example"
_ADMIN = f"admin@{_DOMAIN}"
_PRESETS = ("admin", "billing", "developer", "viewer", "operator")
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
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


_STRANGERS = (
    *("nobody", "over", "alone@walk.example", "both@walk.example", "unconfirmed", "basic"),
    *("token revoked", "token read only", "token collector", "token unknown", "token malformed"),
    "token expiring",
)
_NOWHERE = ("/nothing", "/invoices/x", "/invoices/", "/static/nothing.css", "/?organization_id=x")
_ODD_HEADERS: Sequence[Mapping[str, str]] = (
    *({"Host": "evil.example"}, {"Accept": "image/png"}, {"Accept": "*/*"}, {"Accept": ""}),
    *({"Accept": "application/json;q=0.5, text/html;q=0.4"}, {"Accept-Language": "de"}),
    {"X-Forwarded-For": "1.2.3.4"},
)


def step(who: str, method: str, path: str, **more: Any) -> Step:
    """Describe a request; `who` is a login, the name of a session or of a token ("token …"), or nobody."""
    headers = more.get("headers", {})
    faces = ", ".join(f"{name}: {value}" for name, value in headers.items())
    return {"who": who, "method": method, "path": path, "name": f"{who} | {method} {path} | {faces}"} | more


def cursor(*parts: Any) -> str:
    """Return the cursor of a list, as the portal writes it."""
    text = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def all_reads(rules: Rules, things: Things) -> Iterator[Step]:
    """Yield the GETs of the walk."""
    readable = [rule for rule in rules if _is_readable(rule)]
    private = [rule for rule in readable if not rule["is_public"]]
    yield from _public(rule["rule"] for rule in readable if rule["is_public"])
    for domain in things.organizations:
        yield from _everything(private, f"admin@{domain}", things.of(domain))
        yield from _as_everybody(private, things, domain)
        yield from _asked(private, things, domain)
    yield from _fragments(private, things)
    yield from _strangers(private, things)
    yield from _wrong_methods(rules, things)
    yield from _special(things)


def _is_readable(rule: Rule) -> bool:
    return "GET" in rule["methods"] and rule["endpoint"] != "static"


def _public(paths: Iterable[str]) -> Iterator[Step]:
    for path, face, who in itertools.product(paths, (JSON, HTML, {}), (_ADMIN, "nobody")):
        yield step(who, "GET", path, headers=face)


def _everything(rules: Rules, who: str, names: Names) -> Iterator[Step]:
    """Everything that one organization has."""
    for path, face in itertools.product(_all_paths(rules, names), (JSON, HTML)):
        yield step(who, "GET", path, headers=face)


def _as_everybody(rules: Rules, things: Things, domain: str) -> Iterator[Step]:
    """One of each that the organization has, as a member of each preset, by session and by token."""
    paths = [*_all_paths(rules, things.first_of(domain))]
    for preset, path in itertools.product(_PRESETS, paths):
        for by_session, by_token in ((JSON, JSON), (HTML, {})):
            yield step(f"{preset}@{domain}", "GET", path, headers=by_session)
            yield step(f"token {preset}@{domain}", "GET", path, headers=by_token)


def _asked(rules: Rules, things: Things, domain: str) -> Iterator[Step]:
    """Each address with each thing one can ask it; of the other customers only some of the questions."""
    every = 1 if domain == _DOMAIN else 4
    for rule in rules if every == 1 else filter(_has_questions, rules):
        queries = [*_queries(rule["rule"], things, domain)][::every]
        addresses = itertools.product(_paths(rule, things.first_of(domain)), queries, (JSON, HTML))
        for path, query, face in addresses:
            yield step(f"admin@{domain}", "GET", _with(path, query), headers=face)


def _has_questions(rule: Rule) -> bool:
    return bool(rule["fragments"]) or rule["rule"].endswith("/download")


def _with(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


def _all_paths(rules: Rules, names: Names) -> Iterator[str]:
    for rule in rules:
        yield from _paths(rule, names)


def _paths(rule: Rule, names: Names) -> Iterator[str]:
    """Yield the addresses of a rule with all that its parameters can name."""
    parameters = _PARAMETER.findall(rule["rule"])
    values = (names.get(_thing(rule, name), [STRANGE]) for name in parameters)
    suffix = "" if "organization_id" in parameters else f"?organization_id={names['organization_id'][0]}"
    for chosen in itertools.product(*values):
        remaining = iter(chosen)
        yield _PARAMETER.sub(lambda _, left=remaining: next(left), rule["rule"]) + suffix


def _thing(rule: Rule, name: str) -> str:
    return "document_id" if name == "invoice_id" and rule["endpoint"].startswith("legal_") else name


def _queries(rule: str, things: Things, domain: str) -> Iterable[str]:
    if rule == "/billing/usage":
        return itertools.chain(_usage_queries(things.of(domain)), _line_queries(things, domain))
    if rule.endswith("/download"):
        return _file_queries(things.of(domain)["document_id"])
    return (*_LISTS, *_cursors(), "unknown=1")


def _file_queries(documents: Sequence[str]) -> Iterator[str]:
    for document, kind in itertools.product(documents, ("", "&format=xrechnung")):
        yield f"invoice_id={document}{kind}"
    for document, kind in itertools.product((*documents[:1], "1"), ("zugferd", "pdf", "x")):
        yield f"invoice_id={document}&format={kind}"
    yield "invoice_id="


def _cursors() -> Iterator[str]:
    for parts in ((1,), (3,), (100,), ("2026-01",), ("2025-10",), ("2026-01-04", 3), ("x", "y"), (-1,), ()):
        yield f"cursor={cursor(*parts)}"


def _usage_queries(names: Names) -> Iterator[str]:
    steps = ("", "&granularity=hour", "&granularity=day", "&granularity=month", "&granularity=x")
    yield from map("".join, itertools.product(_WINDOWS, steps))
    yield from ("by=project", "by=product&month=2026-02", "by=project&month=2026-01&granularity=day", "by=x")
    for project, finer in itertools.product((*names["project_id"], "none", "x", STRANGE), steps[:2]):
        yield f"month=2026-02&project_id={project}{finer}"
    yield from (f"month=2026-02&product_id={product}" for product in (*names["product_id"], "x", STRANGE))
    for project, product in itertools.product(names["project_id"], names["product_id"]):
        yield f"month=2026-02&project_id={project}&product_id={product}"


def _line_queries(things: Things, domain: str) -> Iterator[str]:
    """Yield what lines of invoices link to, and what no line does."""
    lines = things.lines_with_prices(domain)
    some = lines[:: max(1, len(lines) // 12)]
    for price, invoice in (*some, ("x", "x"), ("NaN", STRANGE), ("1e3", STRANGE)):
        yield f"unit_price={price}&month=2026-02"
        yield f"billed_by={invoice}&month=2025-12&unit_price={price}"
        yield from (f"billed_by={invoice}", f"billed_by={invoice}&granularity=hour&month=2025-12")


def _fragments(rules: Rules, things: Things) -> Iterator[Step]:
    others = ({"HX-Target": "main"}, {"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}, {})
    current = {"HX-Request": "true", "HX-Current-URL": "http://localhost/invoices?limit=2"}
    people = (_ADMIN, "operator@hanse.example", "nobody")
    for rule in rules:
        targets = [{"HX-Target": name} for name in rule["fragments"]]
        (path,) = _paths(rule, things.first_of(_DOMAIN))
        for who, more in itertools.product(people, (*targets, *others)):
            yield step(who, "GET", path, headers=current | more)
        for who, more in itertools.product(people, targets):
            yield step(who, "GET", _with(path, "limit=1&month=2026-01"), headers=current | more)


def _strangers(rules: Rules, things: Things) -> Iterator[Step]:
    """Who is nobody, who belongs elsewhere, whose token does not work, and what is not there at all."""
    own, other = things.first_of(_DOMAIN), things.first_of("alpen.example")
    mixed = other | {"organization_id": own["organization_id"]}
    nothing = {name: [STRANGE] for name in own}
    own_paths = [*_all_paths(rules, own)]
    bare_paths = [path.partition("?")[0] for path in own_paths if "?" in path]
    paths = [*own_paths, *bare_paths, *_all_paths(rules, mixed), *_all_paths(rules, nothing)]
    for path, who, face in itertools.product(paths, (*_STRANGERS, _ADMIN), (JSON, HTML)):
        yield step(who, "GET", path, headers=face)
    people = ("nobody", _ADMIN, "token admin@hanse.example")
    for who, face, path in itertools.product(people, (JSON, HTML, {}), _NOWHERE):
        yield step(who, "GET", path, headers=face)


def _wrong_methods(rules: Rules, things: Things) -> Iterator[Step]:
    allowed: dict[str, set[str]] = {}
    names = things.first_of(_DOMAIN)
    for rule in rules:
        (path,) = _paths(rule, names)
        allowed.setdefault(path, set()).update(rule["methods"])
    for path, methods in allowed.items():
        wrong = (method for method in _METHODS if method not in methods)
        for method, face in itertools.product((*wrong, "OPTIONS", "HEAD"), (JSON, HTML)):
            yield step(_ADMIN, method, path, headers=face, csrf=True)
            yield step("nobody", method, path, headers=face)


def _special(things: Things) -> Iterator[Step]:
    """Odd headers: hosts, languages, faces that do not exist, files one has already."""
    names = things.first_of(_DOMAIN)
    documents = f"/organizations/{names['organization_id'][0]}/invoices"
    paths = ("/", "/invoices", documents, "/account", "/openapi.json", "/nothing")
    for path, headers in itertools.product(paths, _ODD_HEADERS):
        yield step(_ADMIN, "GET", path, headers=headers)
    file = f"{documents}/download?invoice_id={names['document_id'][0]}"
    yield step(_ADMIN, "GET", file, headers={"If-None-Match": "*"})
    yield step(_ADMIN, "GET", file, headers={"If-None-Match": '"x"'})
    yield step(_ADMIN, "GET", file, headers={"Range": "bytes=0-9"})
    for who, headers in itertools.product((_ADMIN, "both@walk.example", "token expiring"), (JSON, HTML)):
        yield step(who, "GET", "/invoices", headers=headers, minutes=31)
    yield step(_ADMIN, "GET", "/account", headers=HTML, minutes=16)
